// `unsubscribe`: removes the configurations of event types that point to one address, or with --all whatever they point to.
// What points elsewhere belongs to somebody else as far as can be known: that takes a yes.

import type { WebhookConfiguration } from '@bridge/partoo/webhook-administration'
import { exits } from '@bridge/runtime/tool-run'
import { isSame, withSecret } from './address.ts'
import type { Order } from './arguments.ts'
import { fail, fetchOurs, isAgreed, tell, type Work } from './work.ts'

/** @returns the exit code */
export async function unsubscribe(work: Work, order: Extract<Order, { command: 'unsubscribe' }>): Promise<number> {
  const { output, settings, mask } = work
  const fetched = await fetchOurs(work)
  if (fetched.kind === 'failed') return fetched.exitCode
  const addresses = order.url === undefined ? [] : [order.url, withSecret(order.url, settings.secret)]
  const isOurs = ({ url }: WebhookConfiguration) => addresses.some((address) => isSame(address, url))
  const asked = fetched.configurations.filter((each) => order.eventTypes.includes(each.eventType))
  const going = asked.filter((each) => order.all || isOurs(each))

  for (const eventType of order.eventTypes) {
    const own = asked.filter((each) => each.eventType === eventType)
    if (own.length === 0) tell(work, 'same', eventType, 'is not subscribed')
    for (const each of own) {
      const about = `id ${each.id}: ${mask.address(each.url)}`
      if (going.includes(each)) tell(work, 'remove', eventType, `remove ${about}`)
      else tell(work, 'same', eventType, `points elsewhere and stays, ${about}`)
    }
  }
  if (going.length < asked.length) {
    output.line('What points elsewhere, or has another secret, goes with --all, or with its own --url.')
  }
  if (going.length === 0) {
    output.line('Nothing to do.')
    return exits.done
  }
  if (order.dryRun) {
    output.line('Dry run: nothing was removed.')
    return exits.done
  }
  if (!going.every(isOurs)) {
    const question = `Remove ${going.map((each) => each.eventType).join(', ')}? Whoever listens there hears no more.`
    if (!(await isAgreed(work, order.yes, question))) return exits.failed
  }
  return remove(work, going)
}

async function remove(work: Work, going: readonly WebhookConfiguration[]): Promise<number> {
  for (const { id, eventType } of going) {
    const deleted = await work.partoo.delete(id)
    // Gone already is gone.
    if (deleted.kind === 'deleted' || deleted.kind === 'not-found') continue
    return fail(work, deleted, { what: `remove ${eventType}`, changes: true })
  }
  const fetched = await fetchOurs(work)
  if (fetched.kind === 'failed') return fetched.exitCode
  const left = new Set(fetched.configurations.map((each) => each.id))
  for (const { id, eventType } of going) {
    if (left.has(id)) tell(work, 'not', eventType, `id ${id} is still there`)
    else tell(work, 'done', eventType, 'removed')
  }
  if (!going.some((each) => left.has(each.id))) return exits.done
  work.output.error('Partoo took the removal, and does not show it: run `list`, then the same command again.')
  return exits.failed
}
