// Owns what the gateway's metrics tell of test deliveries: how many arrived, and why one may have been refused.

/** Its text format: `name{labels} value`. */
const sample = /^(?<series>[a-zA-Z_:][\w:]*(?:\{[^}]*\})?)\s+(?<value>[0-9.eE+-]+)/
const tryouts = 'partoo_webhook_tryouts_total'
/** Counters that explain a delivery that did not arrive, or one that is not taken for ours. */
const telling =
  /^partoo_(webhook_requests_total|webhook_unproven_total|webhook_not_durable_total|foreign_events_total)\b/
const pageBytesMax = 8 * 1024 * 1024

export type MetricsRead =
  | { kind: 'read'; tryouts: number; telling: ReadonlyMap<string, number> }
  /** `why` is one line, to read on after "The gateway's metrics". */
  | { kind: 'unknown'; why: string }

/** Reads the page once, within `timeoutMs`. Never rejects. */
export async function readGatewayMetrics(url: string, timeoutMs: number): Promise<MetricsRead> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'manual' })
    const page = await readText(response)
    if (response.status !== 200) return unknown(`are answered with HTTP ${response.status}`)
    return parse(page)
  } catch (error) {
    return unknown(`cannot be read (${reason(error)})`)
  }
}

/** How much each telling counter has grown, by its series; a counter that fell began anew. */
export function growth(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Map<string, number> {
  const grown = new Map<string, number>()
  for (const [series, value] of after) {
    const by = grownBy(before.get(series) ?? 0, value)
    if (by > 0) grown.set(series, by)
  }
  return grown
}

/** How much a counter has grown; one that fell began anew, as after a restart. */
export function grownBy(before: number, after: number): number {
  return after >= before ? after - before : after
}

function parse(page: string): MetricsRead {
  const told = new Map<string, number>()
  let count: number | undefined
  for (const line of page.split('\n')) {
    const { series = '', value = '' } = sample.exec(line)?.groups ?? {}
    const [name] = series.split('{')
    if (name === tryouts) count = (count ?? 0) + Number(value)
    else if (telling.test(series)) told.set(series, Number(value))
  }
  if (count === undefined)
    return unknown(`hold no ${tryouts}: is it the admin port of a webhook gateway, and not an older one?`)
  return { kind: 'read', tryouts: count, telling: told }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > pageBytesMax) break
  }
  return Buffer.concat(chunks).toString('utf8')
}

function unknown(why: string): MetricsRead {
  return { kind: 'unknown', why }
}

/** The code of the error: its message may hold the address. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return 'no connection'
  if (error.name === 'TimeoutError') return 'no answer in time'
  const { cause } = error
  if (cause instanceof AggregateError && cause.errors.length > 0) return reason(cause.errors[0])
  if (cause instanceof Error && 'code' in cause) return String(cause.code)
  return 'code' in error ? String(error.code) : error.name
}
