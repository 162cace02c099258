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

/** The headers of a record that carries a fact. */
export function cloudEventHeaders(event: CloudEvent): [name: string, value: Buffer][] {
  const headers: [string, Buffer][] = [
    ['ce_specversion', Buffer.from('1.0')],
    ['ce_id', Buffer.from(event.id)],
    ['ce_type', Buffer.from(event.type)],
    ['ce_source', Buffer.from(event.source)],
    ['ce_time', Buffer.from(event.time)],
    ['content-type', Buffer.from(event.contentType)],
  ]
  if (event.traceparent !== undefined) headers.push(['traceparent', Buffer.from(event.traceparent)])
  return headers
}
