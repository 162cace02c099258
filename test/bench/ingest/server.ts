// The API of a benchmark, a process of its own: answers every ingest request with 200 after a latency, or as the row under
// measurement says, and records what arrived (call-record.ts). Two ports: the API, which does next to nothing for a
// request, and a control port by which the benchmark begins a record and reads it.
//
//   POST /begin   a new record, and how to answer from now on (ServerRules)
//   GET  /counts  calls, accepted, inFlight
//   GET  /report  CallReport
//   GET  /rows    every call (CallRow)
//
// It prints both ports as one line of JSON, and ends with the process that started it.

import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { monotonicMs } from '../clock.ts'
import { listenForControl } from '../control.ts'
import { RequestReader, wireAnswer } from '../http-wire.ts'
import { CallRecord, type Ingested } from './call-record.ts'
import { StrictLimit } from './strict-limit.ts'

/** How calls are answered. */
export type ServerRules = {
  /** From a request's arrival to its answer. */
  latencyMs: number
  /** Conversations that are answered 503 for so long from their first call on. */
  failing?: { conversations: string[]; forMs: number }
  /** Beyond it: 429 with Retry-After. */
  limit?: { perMinute: number; burst: number }
}

let rules: ServerRules = { latencyMs: 0 }
let record = new CallRecord()
let limit: StrictLimit | undefined
let failing = new Set<string>()
let failingUntilMs = Number.POSITIVE_INFINITY

const success = wireAnswer(200, '{"status":"success"}')
const failure = wireAnswer(503, '{"errors":{"json":"unavailable"}}')

const api = createTcpServer({ noDelay: true }, (socket) => {
  const reader = new RequestReader()
  // Whoever called may be killed in the middle: what it called has arrived all the same.
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    for (const { body } of reader.take(chunk)) handle(JSON.parse(body) as Ingested, socket)
  })
})

function handle(message: Ingested, socket: Socket): void {
  const nowMs = monotonicMs()
  const current = record
  const call = current.arrived(message, nowMs)
  const [status, answer] = decide(message, nowMs)
  const finish = () => {
    current.answered(call, message, status, monotonicMs())
    if (socket.writable) socket.write(answer)
  }
  if (rules.latencyMs === 0) finish()
  else setTimeout(finish, rules.latencyMs)
}

function decide(message: Ingested, nowMs: number): [status: number, answer: string] {
  if (failing.has(message.external_conversation_id)) {
    if (failingUntilMs === Number.POSITIVE_INFINITY) failingUntilMs = nowMs + (rules.failing?.forMs ?? 0)
    if (nowMs < failingUntilMs) return [503, failure]
  }
  const retryAfterS = limit?.take(nowMs) ?? 0
  if (retryAfterS > 0) return [429, wireAnswer(429, '{"errors":{"json":"rate limit"}}', retryAfterS)]
  return [200, success]
}

function begin(next: ServerRules): void {
  rules = next
  record = new CallRecord()
  limit = next.limit && new StrictLimit(next.limit.perMinute, next.limit.burst, monotonicMs())
  failing = new Set(next.failing?.conversations)
  failingUntilMs = Number.POSITIVE_INFINITY
}

/** What it prints. */
export type ServerTold = { apiPort: number; controlPort: number }

api.listen(0, '127.0.0.1', async () => {
  const controlPort = await listenForControl({
    '/begin': (next) => {
      begin(next as ServerRules)
      return {}
    },
    '/counts': () => record.counts,
    '/report': () => record.report(),
    '/rows': () => record.rows(),
  })
  const { port: apiPort } = api.address() as AddressInfo
  console.log(JSON.stringify({ apiPort, controlPort } satisfies ServerTold))
})
