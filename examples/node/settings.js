// Owns what the environment says: how Kafka is reached, and in which codec to produce.
// Secrets come from the environment, never from the code.

export const outboundTopic = process.env.OUTBOUND_TOPIC || 'outbound-messages'
export const receiptsTopic = process.env.RECEIPTS_TOPIC || 'partoo-delivery-receipts'
export const repliesTopic = process.env.REPLIES_TOPIC || 'partoo-replies'
export const groupId = process.env.GROUP_ID || 'example-node'

/** none, gzip, snappy, lz4 or zstd */
export const codec = process.env.CODEC || 'none'

/** What producer and consumer share. */
export const kafka = {
  clientId: 'example-node',
  bootstrapBrokers: (process.env.KAFKA_BROKERS || 'localhost:9092').split(','),
  ...(process.env.KAFKA_TLS === 'true' && { tls: {} }),
  ...(process.env.KAFKA_SASL_MECHANISM && {
    sasl: {
      mechanism: process.env.KAFKA_SASL_MECHANISM.toUpperCase(),
      username: process.env.KAFKA_SASL_USERNAME,
      password: process.env.KAFKA_SASL_PASSWORD,
    },
  }),
}
