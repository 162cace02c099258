// `test`: asks Partoo for a test delivery of each event type, one after the other, and tells whether it arrived. What Partoo
// answers to that is not published, so it is shown and not judged: only the gateway's own counter proves an arrival.

import { setTimeout as pause } from 'node:timers/promises'
import { exits } from '@bridge/runtime/tool-run'
import { withSecret } from './address.ts'
import type { Order } from './arguments.ts'
import { grownBy, growth, type MetricsRead, readGatewayMetrics } from './gateway-metrics.ts'
import { fail, fetchOurs, tell, type Work } from './work.ts'

type TestOrder = Extract<Order, { command: 'test' }>
type Readable = Extract<MetricsRead, { kind: 'read' }>

const metricsTimeoutMs = 5_000
const lookEveryMs = 200

/** @returns the exit code: 0 only where every delivery is known to have arrived */
export async function tryout(work: Work, order: TestOrder): Promise<number> {
  const targets = await findTargets(work, order)
  if (targets.kind === 'failed') return targets.exitCode
  if (order.dryRun) {
    for (const { eventType, address } of targets.targets) {
      tell(work, 'same', eventType, `would ask for a test delivery to ${work.mask.address(address)}`)
    }
    work.output.line('Dry run: nothing was asked for.')
    return exits.done
  }
  let exitCode: number = exits.done
  for (const { eventType, address } of targets.targets) {
    const tried = await tryOne(work, order, eventType, address)
    if (tried === 'arrived') continue
    exitCode = exits.failed
    if (tried === 'over') break
  }
  return exitCode
}

type Targets =
  | { kind: 'targets'; targets: { eventType: string; address: string }[] }
  | { kind: 'failed'; exitCode: number }

/** The address of each event type: the one given, else the one that is configured. */
async function findTargets(work: Work, { url, eventTypes }: TestOrder): Promise<Targets> {
  if (url !== undefined) {
    const address = withSecret(url, work.settings.secret)
    return { kind: 'targets', targets: eventTypes.map((eventType) => ({ eventType, address })) }
  }
  const fetched = await fetchOurs(work)
  if (fetched.kind === 'failed') return fetched
  const targets = eventTypes.flatMap((eventType) => {
    const configured = fetched.configurations.find((each) => each.eventType === eventType)
    return configured === undefined ? [] : [{ eventType, address: configured.url }]
  })
  const missing = eventTypes.filter((eventType) => !targets.some((each) => each.eventType === eventType))
  if (missing.length === 0) return { kind: 'targets', targets }
  work.output.error(`Not subscribed: ${missing.join(', ')}. Run \`subscribe\` first, or name an address with --url.`)
  return { kind: 'failed', exitCode: exits.failed }
}

/** @returns `over`: the next one would fare no better */
async function tryOne(
  work: Work,
  order: TestOrder,
  eventType: string,
  address: string,
): Promise<'arrived' | 'not-known' | 'over'> {
  const { mask, output, partoo } = work
  output.line(`${eventType} to ${mask.address(address)}`)
  const before = await readGatewayMetrics(order.metricsUrl, metricsTimeoutMs)
  if (before.kind === 'unknown') {
    tell(work, 'unknown', eventType, `The gateway's metrics at ${mask.address(order.metricsUrl)} ${before.why}.`)
    tell(work, 'unknown', '', 'So an arrival cannot be seen from here: --metrics-url names /metrics on its admin port.')
  }
  const startMs = performance.now()
  const tried = await partoo.tryout(address, eventType)
  if (tried.kind !== 'tried') {
    fail(work, tried, { what: `ask for a test delivery of ${eventType}`, changes: false })
    // Without an answer it may be on its way all the same; any other failure is one of the asking.
    if (tried.kind !== 'unavailable') return 'over'
  }
  const answer =
    tried.kind === 'tried' ? `Partoo answered ${tried.status}: ${mask.text(tried.text) || '(nothing)'}` : ''
  if (before.kind === 'unknown') {
    if (answer !== '') tell(work, 'unknown', eventType, answer)
    return 'not-known'
  }
  return watch(work, order, eventType, before, answer, startMs)
}

/** Looks at the counter until it has grown, or `waitMs` from now are over. @param startMs when Partoo was asked */
async function watch(
  work: Work,
  order: TestOrder,
  eventType: string,
  before: Readable,
  answer: string,
  startMs: number,
): Promise<'arrived' | 'not-known'> {
  const endMs = performance.now() + order.waitMs
  let last: MetricsRead = before
  for (;;) {
    const now = await readGatewayMetrics(order.metricsUrl, metricsTimeoutMs)
    last = now.kind === 'read' ? now : last
    if (now.kind === 'read' && grownBy(before.tryouts, now.tryouts) > 0) {
      tell(
        work,
        'done',
        eventType,
        `arrived, ${((performance.now() - startMs) / 1_000).toFixed(1)} s after it was asked for`,
      )
      const foreign = [...growth(before.telling, now.telling).keys()].some((series) => series.includes('foreign'))
      if (foreign) tell(work, 'unknown', '', "but its organization is none of the gateway's: see its PARTOO_ORG_ID")
      return 'arrived'
    }
    const leftMs = endMs - performance.now()
    if (leftMs <= 0) break
    await pause(Math.min(lookEveryMs, leftMs))
  }
  tell(work, 'not', eventType, `not arrived within ${order.waitMs / 1_000} s. ${whatCameInstead(before, last)}`)
  if (answer !== '') tell(work, 'not', '', answer)
  return 'not-known'
}

const advice: [pattern: RegExp, text: string][] = [
  [/cause="secret"/, 'the secret is missing or wrong: compare WEBHOOK_SECRET here, at the gateway and in `list`'],
  [
    /cause="signature-wrong"/,
    "signed with another key: compare the gateway's PARTOO_ENVIRONMENT or PARTOO_WEBHOOK_PUBLIC_KEYS",
  ],
  [/cause="signature/, 'without a proper signature: something on the way takes headers out, or it was not Partoo'],
  [/answer="404"/, 'to another path than WEBHOOK_PATH'],
  [/answer="405"/, 'not as a POST: something on the way redirects'],
  [/answer="413"/, 'larger than WEBHOOK_BODY_MAX_BYTES'],
  [/answer="503"/, 'not stored: see its log and /readyz'],
]

/** What the gateway refused meanwhile, and what that suggests. */
function whatCameInstead(before: Readable, last: Readable | MetricsRead): string {
  const grown = last.kind === 'read' ? [...growth(before.telling, last.telling).keys()] : []
  const found = advice.find(([pattern]) => grown.some((series) => pattern.test(series)))
  if (found !== undefined) return `Meanwhile the gateway refused a request: ${found[1]}.`
  return 'The gateway saw no such request: does the address lead to it from the internet, and to this one of several?'
}
