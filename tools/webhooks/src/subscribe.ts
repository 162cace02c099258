// `subscribe`: lets event types go to one address. All or nothing: where a yes is missing, not even what is missing is
// created. What Partoo says afterwards is compared again, so that "done" rests on its word.

import { exits } from '@bridge/runtime/tool-run'
import { withSecret } from './address.ts'
import type { Order } from './arguments.ts'
import { compare, type Difference } from './differences.ts'
import { fail, fetchOurs, isAgreed, tell, type Work } from './work.ts'

/** @returns the exit code */
export async function subscribe(work: Work, order: Extract<Order, { command: 'subscribe' }>): Promise<number> {
  const { output, settings } = work
  const address = withSecret(order.url, settings.secret)
  const fetched = await fetchOurs(work)
  if (fetched.kind === 'failed') return fetched.exitCode
  const differences = compare(fetched.configurations, order.eventTypes, address)
  for (const difference of differences) tellDifference(work, difference, address)
  if (settings.secret === undefined) output.line('WEBHOOK_SECRET is not set: the address carries no secret.')

  if (differences.every((each) => each.kind === 'right')) {
    output.line('Nothing to do.')
    return exits.done
  }
  const elsewhere = differences.filter((each) => each.kind === 'elsewhere')
  if (order.dryRun) {
    output.line(
      `Dry run: nothing was changed.${elsewhere.length > 0 ? ' Changing an address takes a yes, or --yes.' : ''}`,
    )
    return exits.done
  }
  if (elsewhere.length > 0) {
    const types = elsewhere.map((each) => each.eventType).join(', ')
    const question = `Take ${types} away from the address there is? Whoever listens there hears no more.`
    if (!(await isAgreed(work, order.yes, question))) return exits.failed
  }
  const failed = await apply(work, differences, address)
  return failed ?? (await confirm(work, order.eventTypes, address))
}

function tellDifference(work: Work, difference: Difference, address: string): void {
  const { mask } = work
  const { eventType } = difference
  switch (difference.kind) {
    case 'missing':
      tell(work, 'create', eventType, `create: ${mask.address(address)}`)
      return
    case 'right':
      tell(work, 'same', eventType, `right already: ${mask.address(difference.configuration.url)}`)
      return
    case 'elsewhere': {
      const { id, url } = difference.configuration
      const only = mask.differsBySecret(url, address) ? ' (the same but for its last segment: another secret?)' : ''
      tell(work, 'change', eventType, `another address is there, id ${id}: ${mask.address(url)}`)
      tell(work, 'change', '', `change it to:  ${mask.address(address)}${only}`)
    }
  }
}

/** @returns the exit code of a failure, null where there was none */
async function apply(work: Work, differences: readonly Difference[], url: string): Promise<number | null> {
  const missing = differences.filter((each) => each.kind === 'missing')
  if (missing.length > 0) {
    const created = await work.partoo.create(missing.map(({ eventType }) => ({ url, eventType })))
    if (created.kind !== 'created') {
      const types = missing.map((each) => each.eventType).join(', ')
      return fail(work, created, { what: `subscribe ${types}`, changes: true })
    }
  }
  for (const difference of differences) {
    if (difference.kind !== 'elsewhere') continue
    const changed = await work.partoo.change(difference.configuration.id, url)
    if (changed.kind !== 'shown') {
      return fail(work, changed, { what: `change the address of ${difference.eventType}`, changes: true })
    }
  }
  return null
}

async function confirm(work: Work, eventTypes: readonly string[], address: string): Promise<number> {
  const fetched = await fetchOurs(work)
  if (fetched.kind === 'failed') return fetched.exitCode
  const now = compare(fetched.configurations, eventTypes, address)
  for (const { kind, eventType } of now) {
    if (kind === 'right') tell(work, 'done', eventType, 'subscribed')
    else tell(work, 'not', eventType, 'Partoo took the change, and does not show it')
  }
  if (now.some((each) => each.kind !== 'right')) {
    work.output.error('Not everything is as wanted: run `list`, then the same command again.')
    return exits.failed
  }
  work.output.line('Done. `npm run webhooks -- test` asks for a test delivery.')
  return exits.done
}
