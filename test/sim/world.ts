// The outbound topics of a simulated world: partition logs with gaps, poison and tombstones, and what is true of each
// record: what it is, whether Partoo accepted it, whether its dead letter and its receipt are stored. Only the world knows;
// the replicas see records.

import type { Decoded } from '@bridge/ingestor/core/facts'
import { noIds, type OutboundMessage } from '@bridge/schemas/outbound-message'
import type { ConsumedRecord } from '@bridge/schemas/record'
import type { Chance } from './chance.ts'
import type { Mix } from './mix.ts'

type Work = Extract<Decoded, { kind: 'work' }>

export type WorldRecord = {
  readonly record: ConsumedRecord
  /** What decoding it says. */
  readonly decoded: Decoded
  /** Of work: the one before it in its lane; null for a lane's first. */
  readonly previous: WorldRecord | null
  /** Of work: what Partoo makes of its content. */
  readonly content: 'fine' | 'rejected' | 'cursed'
  /** Partoo took it, in answer to a call of this very record. */
  accepted: boolean
  /** Some replica decided to put it away. */
  condemned: boolean
  deadLetterStored: boolean
  receiptStored: boolean
  calls: number
}

export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly records: WorldRecord[] = []
  /** Records that producers have written so far. */
  visible = 0
  /** Where the last of them ends: beyond it there may be offsets without a record. */
  endOffset = 0
  #firstUnsettled = 0

  constructor(topic: string, partition: number, startOffset: number) {
    this.topic = topic
    this.partition = partition
    this.endOffset = startOffset
  }

  get name(): string {
    return `${this.topic}/${this.partition}`
  }

  /** Index of the first record at or beyond an offset. */
  indexAt(offset: number): number {
    let low = 0
    let high = this.visible
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.records[middle]!.record.offset < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  at(offset: number): WorldRecord {
    const found = this.records[this.indexAt(offset)]
    if (found?.record.offset !== offset) throw new Error(`no record ${this.name}@${offset}`)
    return found
  }

  /** Reads up to `most` records at `offset`, as a fetch does; none where only a gap is left; null at the end of the log. */
  read(offset: number, most: number): { records: ConsumedRecord[]; offsetNext: number } | null {
    const from = this.indexAt(offset)
    const to = Math.min(this.visible, from + most)
    const records = this.records.slice(from, to).map(({ record }) => record)
    const last = records.at(-1)
    if (last !== undefined) return { records, offsetNext: last.offset + 1 }
    return offset < this.endOffset ? { records, offsetNext: this.endOffset } : null
  }

  /** The first record that is not settled, if any: no true commit is beyond it. Settling is for ever, so this only rises. */
  firstUnsettled(): WorldRecord | undefined {
    while (this.#firstUnsettled < this.records.length && isSettled(this.records[this.#firstUnsettled]!)) {
      this.#firstUnsettled += 1
    }
    return this.records[this.#firstUnsettled]
  }
}

/** What law L1 calls settled: accepted or put away, and its receipt stored. A tombstone is skipped. */
export function isSettled({ decoded, accepted, deadLetterStored, receiptStored }: WorldRecord): boolean {
  if (decoded.kind === 'tombstone') return true
  return receiptStored && (deadLetterStored || (decoded.kind === 'work' && accepted))
}

export class World {
  readonly partitions: PartitionLog[]
  readonly #byName = new Map<string, PartitionLog>()
  readonly #lastOfLane = new Map<string, WorldRecord>()
  readonly #byId = new Map<string, WorldRecord[]>()
  readonly #lately: Work[] = []
  #count = 0

  constructor(mix: Mix, chance: Chance) {
    this.partitions = mix.topics.flatMap((partitions, topic) =>
      Array.from({ length: partitions }, (_, partition) => {
        const startOffset = chance.happens(0.5) ? 0 : chance.int(1, 5_000_000_000)
        return new PartitionLog(topic === 0 ? 'outbound' : `outbound-${topic}`, partition, startOffset)
      }),
    )
    for (const log of this.partitions) this.#byName.set(log.name, log)
  }

  log(topic: string, partition: number): PartitionLog {
    const log = this.#byName.get(`${topic}/${partition}`)
    if (log === undefined) throw new Error(`no partition ${topic}/${partition}`)
    return log
  }

  find({ topic, partition, offset }: { topic: string; partition: number; offset: number }): WorldRecord {
    return this.log(topic, partition).at(offset)
  }

  get records(): WorldRecord[] {
    return this.partitions.flatMap(({ records, visible }) => records.slice(0, visible))
  }

  /** Whether Partoo took the same message before, in this record or another: then this one is a duplicate. */
  wasAccepted(record: WorldRecord): boolean {
    return this.#sameId(record).some((other) => other.accepted && digestOf(other) === digestOf(record))
  }

  #sameId({ decoded }: WorldRecord): WorldRecord[] {
    if (decoded.kind !== 'work') return []
    const id = `${decoded.channelId}/${decoded.message.external_message_id}`
    const records = this.#byId.get(id) ?? []
    this.#byId.set(id, records)
    return records
  }

  /** A producer writes one record, of this conversation or of any. */
  append(mix: Mix, chance: Chance, wallMs: number, of?: number): void {
    const drawn = of ?? Math.floor(chance.random() ** mix.skew * mix.conversations)
    const draw = chance.random()
    const decoded =
      draw < mix.poisonRate
        ? drawPoison(chance)
        : draw < mix.poisonRate + mix.tombstoneRate
          ? ({ kind: 'tombstone' } as const)
          : this.#drawWork(mix, chance, drawn)
    const conversation =
      decoded.kind === 'work' ? Number(decoded.message.external_conversation_id.split('-')[1]) : drawn
    // Producers key by conversation; some write a conversation to any partition, which makes it two lanes.
    const log = chance.happens(0.05)
      ? chance.pick(this.partitions)
      : this.partitions[conversation % this.partitions.length]!
    const offset = log.endOffset + (chance.happens(mix.gapRate) ? chance.int(1, 9) : 0)
    this.#count += 1
    const record = {
      topic: log.topic,
      partition: log.partition,
      offset,
      timestampMs: wallMs,
      ...drawBytes(mix, chance, decoded.kind === 'tombstone'),
    }
    const lane =
      decoded.kind === 'work'
        ? JSON.stringify([log.name, decoded.channelId, decoded.message.external_conversation_id])
        : null
    const written: WorldRecord = {
      record,
      decoded,
      previous: (lane === null ? undefined : this.#lastOfLane.get(lane)) ?? null,
      content: drawContent(mix, chance, conversation),
      accepted: false,
      condemned: false,
      deadLetterStored: false,
      receiptStored: false,
      calls: 0,
    }
    if (lane !== null) this.#lastOfLane.set(lane, written)
    this.#sameId(written).push(written)
    log.records.push(written)
    log.visible += 1
    log.endOffset = offset + 1 + (chance.happens(mix.gapRate / 2) ? chance.int(1, 5) : 0)
  }

  /** A message; now and then one that was produced lately once more, or another one under its id. */
  #drawWork(mix: Mix, chance: Chance, conversation: number): Decoded {
    const count = this.#count
    const work = drawWork(mix, conversation, `message-${count}`, count)
    const lately = this.#lately
    const repeated = chance.happens(mix.repeatedIdRate) ? lately[chance.int(0, lately.length - 1)] : undefined
    if (repeated === undefined) {
      lately[count % latelyMax] = work
      return work
    }
    if (chance.happens(0.5)) return { ...repeated, message: { ...repeated.message } }
    const { external_message_id: id, content } = repeated.message
    const message = { ...repeated.message, external_message_id: id, content: `${content}, corrected ${count}` }
    return { ...repeated, message, digest: digest(message) }
  }
}

/** Records of which a repetition may come. */
const latelyMax = 20

function digest(message: OutboundMessage): string {
  const { external_conversation_id, business_id, sender_type, content } = message
  return [external_conversation_id, business_id, sender_type, content].join('|')
}

function digestOf({ decoded }: WorldRecord): string | null {
  return decoded.kind === 'work' ? decoded.digest : null
}

function drawContent(mix: Mix, chance: Chance, conversation: number): WorldRecord['content'] {
  if (conversation < mix.cursedConversations) return 'cursed'
  const draw = chance.random()
  if (draw < mix.rejectedRate) return 'rejected'
  return draw < mix.rejectedRate + mix.cursedRate ? 'cursed' : 'fine'
}

function drawPoison(chance: Chance): Decoded {
  return chance.happens(0.5)
    ? { kind: 'poison', reason: 'undecodable', detail: 'not JSON', ids: noIds }
    : {
        kind: 'poison',
        reason: 'invalid',
        detail: 'content must not be empty',
        ids: { ...noIds, external_message_id: 'poison' },
      }
}

function drawWork(mix: Mix, conversation: number, id: string, count: number): Work {
  const organization = mix.organizations[conversation % mix.organizations.length]!
  // Not by the same remainder: each organization is to use all of its channels, each channel all of its businesses.
  const inOrganization = Math.floor(conversation / mix.organizations.length)
  const channel = organization.channels[inOrganization % organization.channels.length]!
  const inChannel = Math.floor(inOrganization / organization.channels.length)
  const message = {
    business_id: `business-${inChannel % channel.businesses}`,
    external_conversation_id: `conversation-${conversation}`,
    external_message_id: id,
    content: `text ${count}`,
    sender_type: 'Consumer' as const,
    consumer_name: null,
    consumer_image: null,
    channel_id: channel.id,
  }
  return { kind: 'work', message, channelId: channel.id, organization: organization.name, digest: digest(message) }
}

/** Key, value and headers: a few are too large for the dead letters, in the value alone or in the headers too. */
function drawBytes(mix: Mix, chance: Chance, isTombstone: boolean): Pick<ConsumedRecord, 'key' | 'value' | 'headers'> {
  const isLarge = mix.poisonRate > 0 && chance.happens(0.1)
  const hasLargeHeaders = isLarge && chance.happens(0.5)
  return {
    key: chance.happens(0.8) ? Buffer.from('key') : null,
    value: isTombstone ? null : Buffer.alloc(isLarge ? mix.deadLetterBytesMax : 60),
    headers: hasLargeHeaders ? [['large', Buffer.alloc(mix.deadLetterBytesMax)]] : [['null', null]],
  }
}
