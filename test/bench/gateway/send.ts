// Sends requests over connections that stay open, one at a time each, and takes the time of every answer.
//
//   flat out   the next request goes as soon as a connection is free; its time begins when it is written
//   at a pace  each request has its moment, whatever became of those before; its time begins at that moment, so that what
//              waits for a connection, or for this process, waits on the clock
//
// The bytes are ready before, and an answer is looked at for its status only: what this costs limits what can be measured.

import { connect, type Socket } from 'node:net'
import { percentile } from '../figures.ts'
import { AnswerReader } from '../http-wire.ts'

export type SendOptions = {
  port: number
  connections: number
  /** Null: flat out. */
  perSecond: number | null
}

export type SendReport = {
  /** From the first request to the last answer. */
  tookMs: number
  /** Answers by status. */
  statuses: Record<string, number>
  p50Ms: number
  p99Ms: number
  /** How much later than at its moment a request was written: the 99th percentile; 0 flat out. */
  lateP99Ms: number
}

const answerBytesMax = 16_384
/** As fine as Node's timers are. */
const everyMs = 1

/** Sends them all. Rejects where a connection fails or ends before all is answered. */
export async function sendAll(requests: readonly Buffer[], options: SendOptions): Promise<SendReport> {
  const sending = new Sending(requests, options)
  return sending.run()
}

class Sending {
  readonly #requests: readonly Buffer[]
  readonly #options: SendOptions
  readonly #over = Promise.withResolvers<void>()
  readonly #latenciesMs: Float64Array
  readonly #lateMs: Float64Array
  readonly #statuses: Record<string, number> = {}
  #connections: Connection[] = []
  #free: Connection[] = []
  #startMs = 0
  #sent = 0
  #answered = 0

  constructor(requests: readonly Buffer[], options: SendOptions) {
    this.#requests = requests
    this.#options = options
    this.#latenciesMs = new Float64Array(requests.length)
    this.#lateMs = new Float64Array(requests.length)
  }

  async run(): Promise<SendReport> {
    const { port, connections, perSecond } = this.#options
    // Its failure may come before it is waited for.
    this.#over.promise.catch(() => {})
    let timer: NodeJS.Timeout | undefined
    try {
      this.#connections = await Promise.all(Array.from({ length: connections }, () => this.#open(port)))
      this.#free = [...this.#connections]
      this.#startMs = performance.now()
      if (this.#requests.length === 0) this.#over.resolve()
      if (perSecond !== null) timer = setInterval(() => this.#sendDue(), everyMs)
      this.#sendDue()
      await this.#over.promise
      const tookMs = performance.now() - this.#startMs
      return {
        tookMs,
        statuses: this.#statuses,
        p50Ms: percentile([...this.#latenciesMs], 0.5),
        p99Ms: percentile([...this.#latenciesMs], 0.99),
        lateP99Ms: perSecond === null ? 0 : percentile([...this.#lateMs], 0.99),
      }
    } finally {
      clearInterval(timer)
      for (const { socket } of this.#connections) socket.destroy()
    }
  }

  #sendDue(): void {
    const { perSecond } = this.#options
    const nowMs = performance.now()
    const due = perSecond === null ? this.#requests.length : dueAfter(nowMs - this.#startMs, perSecond)
    while (this.#sent < due && this.#sent < this.#requests.length) {
      const connection = this.#free.shift()
      if (connection === undefined) return
      const number = this.#sent
      this.#sent += 1
      const sinceMs = perSecond === null ? performance.now() : this.#startMs + (number * 1_000) / perSecond
      this.#lateMs[number] = performance.now() - sinceMs
      connection.send(this.#requests[number] as Buffer, number, sinceMs)
    }
  }

  #onAnswer(connection: Connection, status: number): void {
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1
    this.#latenciesMs[connection.number] = performance.now() - connection.sinceMs
    this.#answered += 1
    this.#free.push(connection)
    if (this.#answered === this.#requests.length) this.#over.resolve()
    else this.#sendDue()
  }

  #open(port: number): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>()
    const connection = new Connection(port, (status) => this.#onAnswer(connection, status))
    const fail = (why: string) => {
      const error = new Error(`${why}, after ${this.#answered} answers`)
      reject(error)
      this.#over.reject(error)
    }
    connection.socket.on('connect', () => resolve(connection))
    connection.socket.on('error', (error) => fail(`a connection failed: ${error.message}`))
    connection.socket.on('close', () => fail('the server closed a connection'))
    return promise
  }
}

class Connection {
  readonly socket: Socket
  /** Of the request that is under way. */
  number = 0
  sinceMs = 0

  constructor(port: number, onStatus: (status: number) => void) {
    const answers = new AnswerReader()
    const take = (length: number, bytes: Uint8Array) => {
      for (const status of answers.take((bytes as Buffer).subarray(0, length))) onStatus(status)
      return true
    }
    // One buffer a connection, again and again: nothing is kept of an answer.
    const onread = { buffer: Buffer.alloc(answerBytesMax), callback: take }
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true, onread })
  }

  send(request: Buffer, number: number, sinceMs: number): void {
    this.number = number
    this.sinceMs = sinceMs
    this.socket.write(request)
  }
}

/** How many requests have had their moment: the first one's is at once. */
export function dueAfter(elapsedMs: number, perSecond: number): number {
  return Math.floor((elapsedMs * perSecond) / 1_000) + 1
}
