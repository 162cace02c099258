// Which messages Partoo accepted lately, by channel and external_message_id: a producer's repetition of one costs no call.
// Bounded, in two generations: when the younger one is full, the older one is forgotten; what is seen again is young again.
// What is forgotten is called again, which Partoo ignores. What was rejected is not remembered: the same id may come again with
// what was wrong put right.

import type { ConsumedRecord } from '@bridge/schemas/record'

type Accepted = { digest: string; topic: string; partition: number; offset: number }
type Message = { channelId: string; messageId: string; digest: string; record: ConsumedRecord }

/** `repeated`: the same message in another record. `reused`: another message under its id, which Partoo will ignore. */
export type Recognised = 'new' | 'repeated' | 'reused'

export class RememberedIds {
  readonly #max: number
  #young = new Map<string, Accepted>()
  #old = new Map<string, Accepted>()

  /** @param max how many to remember at most; at least half as many are */
  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** Whether Partoo accepted this message before, in another record. */
  recognise({ channelId, messageId, digest, record }: Message): Recognised {
    const key = keyOf(channelId, messageId)
    const accepted = this.#young.get(key) ?? this.#old.get(key)
    if (accepted === undefined) return 'new'
    if (accepted.digest !== digest) return 'reused'
    const isItself =
      accepted.offset === record.offset && accepted.partition === record.partition && accepted.topic === record.topic
    return isItself ? 'new' : 'repeated'
  }

  /** Partoo accepted it, or it was recognised: of one id the first message that was accepted stays. */
  remember({ channelId, messageId, digest, record }: Message): void {
    const key = keyOf(channelId, messageId)
    const { topic, partition, offset } = record
    if (this.#young.has(key)) return
    this.#young.set(key, this.#old.get(key) ?? { digest, topic, partition, offset })
    this.#old.delete(key)
    if (this.#young.size < this.#max / 2) return
    this.#old = this.#young
    this.#young = new Map()
  }
}

function keyOf(channelId: string, messageId: string): string {
  return `${channelId.length}:${channelId}/${messageId}`
}
