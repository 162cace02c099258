// Owns which codec a record's batch was really compressed with: kafkajs tells nobody, so its codecs are listened to while a topic
// is read.

import { type Compression, compressions, compressionType, registerCodecs } from '@bridge/runtime/compression'
import kafkajs from 'kafkajs'
import type { Read, TestKafka } from '../support/kafka.ts'

type Codec = { decompress(buffer: Buffer): Promise<Buffer> }

export type ReadWithCodecs = {
  reads: Read[]
  /** The codecs of the batches in which a text stands. @returns none where it is only in batches that are not compressed */
  codecsOf(text: string): Set<Compression>
}

/** Reads a topic to its end. */
export async function readWithCodecs(kafka: TestKafka, topic: string, group: string): Promise<ReadWithCodecs> {
  registerCodecs()
  const registry = kafkajs.CompressionCodecs as unknown as Record<number, () => Codec>
  const before = { ...registry }
  const batches: { codec: Compression; bytes: Buffer }[] = []
  for (const codec of compressions.filter((name) => name !== 'none')) {
    const make = before[compressionType(codec)]
    if (make === undefined) throw new Error(`kafkajs has no ${codec}`)
    registry[compressionType(codec)] = () => {
      const real = make()
      return {
        ...real,
        async decompress(buffer) {
          const bytes = await real.decompress(buffer)
          batches.push({ codec, bytes })
          return bytes
        },
      }
    }
  }
  try {
    const reads = await kafka.readAll(topic, group)
    const codecsOf = (text: string) => {
      const bytes = Buffer.from(text)
      return new Set(batches.filter((batch) => batch.bytes.includes(bytes)).map(({ codec }) => codec))
    }
    return { reads, codecsOf }
  } finally {
    Object.assign(registry, before)
  }
}
