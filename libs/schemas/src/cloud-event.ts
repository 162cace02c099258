// CloudEvents 1.0 attributes in Kafka's binary mode: headers `ce_*`, the value being the data.

/** Attributes of one fact. `id` is deterministic, so that consumers recognise copies of one fact. */
export type CloudEvent = {
  id: string
  type: `partoo.${string}`
  source: '/partoo/ingestor' | '/partoo/webhook-gateway'
  /** ISO 8601, UTC. */
  time: string
  contentType: string
  /** W3C trace context of what caused the fact, passed on as it came. */
  traceparent: Buffer | string | undefined
}

/** Values that are the same in many records, made once: closed sets of words. */
const words = new Map<string, Buffer>()

/** The headers of a record that carries a fact. */
export function cloudEventHeaders(event: CloudEvent): [name: string, value: Buffer][] {
  const headers: [string, Buffer][] = [
    ['ce_specversion', word('1.0')],
    ['ce_id', Buffer.from(event.id)],
    ['ce_type', event.type.startsWith('partoo.receipt.') ? word(event.type) : Buffer.from(event.type)],
    ['ce_source', word(event.source)],
    ['ce_time', Buffer.from(event.time)],
    ['content-type', word(event.contentType)],
  ]
  if (event.traceparent !== undefined) headers.push(['traceparent', Buffer.from(event.traceparent)])
  return headers
}

function word(text: string): Buffer {
  const known = words.get(text)
  if (known !== undefined) return known
  const bytes = Buffer.from(text)
  words.set(text, bytes)
  return bytes
}
