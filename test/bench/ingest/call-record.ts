// What the benchmark's server saw: every call, and from them the facts by which a measurement is judged right or wrong. It
// reads of a message what `messages.ts` writes into it: its id is `<conversation>/<number>`, and its content begins with the id.

import { fullestMinute } from './strict-limit.ts'

/** The body of an ingest request, as far as it is read here. */
export type Ingested = { external_conversation_id: string; external_message_id: string; content: string }

/** What was seen since the record began. Times are milliseconds of this machine's monotonic clock; null: not yet. */
export type CallReport = {
  calls: number
  /** Answered 200. */
  accepted: number
  /** Different messages among the accepted ones: Partoo ignores an id that it knows. */
  created: number
  /** Messages that were created under more than one id. */
  createdTwice: number
  /** Calls for a message that had been called before, whatever came of it. */
  repeated: number
  /** First calls before the conversation's message before it was accepted. */
  outOfOrder: number
  statuses: Record<string, number>
  /** The most calls that any 60 s hold, refused ones included. */
  fullestMinute: number
  firstCallMs: number | null
  lastAcceptedMs: number | null
  inFlight: number
}

/** One call by its columns: `answeredMs` is null while it is under way. */
export type CallRow = [id: string, arrivedMs: number, answeredMs: number | null, status: number | null]

type Conversation = { called: number; accepted: boolean[] }

export class CallRecord {
  readonly #ids: string[] = []
  readonly #arrivedMs: number[] = []
  readonly #answeredMs: (number | null)[] = []
  readonly #status: (number | null)[] = []
  readonly #conversations = new Map<string, Conversation>()
  readonly #created = new Set<string>()
  readonly #createdUnderAnotherId = new Set<string>()
  #accepted = 0
  #repeated = 0
  #outOfOrder = 0
  #inFlight = 0
  #lastAcceptedMs: number | null = null

  /** How many calls, answered 200 and under way: what is asked for often. */
  get counts(): { calls: number; accepted: number; inFlight: number } {
    return { calls: this.#ids.length, accepted: this.#accepted, inFlight: this.#inFlight }
  }

  /** A call arrived. @returns its number, for `answered` */
  arrived(message: Ingested, nowMs: number): number {
    const id = message.external_message_id
    const number = numberOf(id)
    const conversation = this.#conversationOf(message.external_conversation_id)
    if (number < conversation.called) this.#repeated += 1
    else {
      const isNext = number === conversation.called
      const before = number === 0 || conversation.accepted[number - 1] === true
      if (!isNext || !before) this.#outOfOrder += 1
      conversation.called = number + 1
    }
    this.#inFlight += 1
    this.#arrivedMs.push(nowMs)
    this.#answeredMs.push(null)
    this.#status.push(null)
    return this.#ids.push(id) - 1
  }

  /** A call was answered. */
  answered(call: number, message: Ingested, status: number, nowMs: number): void {
    this.#inFlight -= 1
    this.#answeredMs[call] = nowMs
    this.#status[call] = status
    if (status !== 200) return
    const id = message.external_message_id
    this.#accepted += 1
    this.#lastAcceptedMs = nowMs
    this.#created.add(id)
    if (!message.content.startsWith(`${id} `)) this.#createdUnderAnotherId.add(id)
    this.#conversationOf(message.external_conversation_id).accepted[numberOf(id)] = true
  }

  report(): CallReport {
    const statuses: Record<string, number> = {}
    for (const status of this.#status) if (status !== null) statuses[status] = (statuses[status] ?? 0) + 1
    return {
      calls: this.#ids.length,
      accepted: this.#accepted,
      created: this.#created.size,
      createdTwice: this.#createdUnderAnotherId.size,
      repeated: this.#repeated,
      outOfOrder: this.#outOfOrder,
      statuses,
      fullestMinute: fullestMinute(this.#arrivedMs),
      firstCallMs: this.#arrivedMs[0] ?? null,
      lastAcceptedMs: this.#lastAcceptedMs,
      inFlight: this.#inFlight,
    }
  }

  /** All calls, in the order they arrived. */
  rows(): CallRow[] {
    return this.#ids.map((id, call) => [
      id,
      this.#arrivedMs[call] as number,
      this.#answeredMs[call] ?? null,
      this.#status[call] ?? null,
    ])
  }

  #conversationOf(name: string): Conversation {
    const known = this.#conversations.get(name)
    if (known !== undefined) return known
    const conversation: Conversation = { called: 0, accepted: [] }
    this.#conversations.set(name, conversation)
    return conversation
  }
}

function numberOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('/') + 1))
}
