// Faults to be planted: each is one mistake that is easily made, as a text that is searched in a file and what stands there
// instead. A text that is not found exactly once is a mutant that is gone: mutants.test.ts says so at once, and
// `npm run test:mutants` shows that the simulation finds each of them.

export type Mutant = { name: string; file: string; search: string; replace: string; why: string }

const core = 'services/ingestor/src/core/'
const producer = 'libs/runtime/src/safe-producer.ts'

export const mutants: readonly Mutant[] = [
  // ── The ledger and its commits ───────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'watermark as maximum',
    file: `${core}ledger.ts`,
    search: 'if (first !== undefined && first.from === this.#base + this.#head) {',
    replace: 'if (first !== undefined) {',
    why: 'what is settled last says how far may be committed, whatever is open below it',
  },
  {
    name: 'settled forgotten on rejoin',
    file: `${core}dispatcher.ts`,
    search: 'if (state.owned || state.entries.size > 0 || state.ledger.knowsBeyond(state.committed)) return',
    replace: 'if (state.owned || state.entries.size > 0) return',
    why: 'a partition that goes and comes back begins at what was committed',
  },
  {
    name: 'metadata not read',
    file: `${core}dispatcher.ts`,
    search: 'decodeSettled(metadata, offsetNext), kept)',
    replace: "decodeSettled('', offsetNext), kept)",
    why: 'a new owner repeats what is settled beyond the watermark',
  },
  {
    name: 'metadata truncated',
    file: `${core}settled-offsets.ts`,
    search: "payload.toString('base64url')",
    replace: "payload.toString('base64url').slice(0, 4)",
    why: 'what does not fit is left out, though admission could have held back',
  },
  {
    name: 'metadata that holds back far too early',
    file: `${core}settled-offsets.ts`,
    search: 'const metadataBytesMax = 4_096',
    replace: 'const metadataBytesMax = 96',
    why: 'one conversation that fails stops its partition',
  },
  {
    name: 'metadata without a bound',
    file: `${core}settled-offsets.ts`,
    search: 'const metadataBytesMax = 4_096',
    replace: 'const metadataBytesMax = 40_960',
    why: 'Kafka refuses a commit whose metadata is longer',
  },
  {
    name: 'metadata of another watermark',
    file: `${core}settled-offsets.ts`,
    search: 'if (match === null || Number(match[1]) !== watermark) return []',
    replace: 'if (match === null) return []',
    why: 'metadata that belongs to another offset is believed',
  },
  {
    name: 'commit before the receipt’s acknowledgement',
    file: `${core}calls.ts`,
    search: "this.#publishing.report(head, { ...receipt, at: endedAt, reason: idReused ? 'id-reused' : null })",
    replace:
      "this.#publishing.report(head, { ...receipt, at: endedAt, reason: idReused ? 'id-reused' : null }); head.partition.ledger.settle(head.record.offset)",
    why: 'a crash then loses the receipt',
  },
  {
    name: 'dead letter’s failure ignored',
    file: `${core}publishing.ts`,
    search: "if (stored === 'failed' || (stored === 'refused' && smallest)) {",
    replace: "if ((stored === 'failed' && stage.kind === 'reporting') || (stored === 'refused' && smallest)) {",
    why: 'a message that is not in the dead letters is lost',
  },
  // ── Lanes ────────────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'retry to the lane’s tail',
    file: `${core}calls.ts`,
    search: 'organization.backOff(lane, nowMs + outcome.delayMs)',
    replace: 'lane.queue.push(lane.queue.shift() as Entry); organization.backOff(lane, nowMs + outcome.delayMs)',
    why: 'the message behind it overtakes it',
  },
  {
    name: 'called before positioned',
    file: `${core}dispatcher.ts`,
    search: 'if (!this.#positioned || nowMs >= this.#memberUntilMs)',
    replace: 'if (nowMs >= this.#memberUntilMs)',
    why: 'others may have settled it meanwhile',
  },
  {
    name: 'what another settled is repeated',
    file: `${core}calls.ts`,
    search: 'if (partition.ledger.isSettled(record.offset)) return true',
    replace: 'if (false) return true',
    why: 'a call that ends after another owner has settled its record is tried again, or put away',
  },
  {
    name: 'what is under way is not adopted',
    file: `${core}dispatcher.ts`,
    search: 'if (ledger.isSettledAhead(record.offset) || entries.has(record.offset)) {',
    replace: 'if (ledger.isSettledAhead(record.offset)) {',
    why: 'a partition that comes back has its calls in flight made again',
  },
  {
    name: 'limited counts as an attempt',
    file: `${core}outcome.ts`,
    search: "if (answer.kind === 'limited') return before",
    replace: '',
    why: '429 says nothing about the message',
  },
  {
    name: 'repeated id called',
    file: `${core}calls.ts`,
    search: "if (this.#recognise(turn.lane.head) === 'repeated') {",
    replace: 'if (false) {',
    why: 'a producer’s repetition costs a call',
  },
  {
    name: 'repeated id believed whatever the content',
    file: `${core}remembered-ids.ts`,
    search: "if (accepted.digest !== digest) return 'reused'",
    replace: '',
    why: 'another message under a known id is never sent',
  },
  // ── Wakes, pauses, bounds ────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'no wake after a wait',
    file: `${core}dispatcher.ts`,
    search: 'const atMs = Math.min(callMs, this.#publishing.nextMs, this.#commits.dueMs)',
    replace: 'const atMs = Math.min(this.#publishing.nextMs, this.#commits.dueMs)',
    why: 'calls wait for the next heartbeat',
  },
  {
    name: 'resume never sent',
    file: `${core}dispatcher.ts`,
    search: "this.#effects.push({ kind: 'resume', partitions: resumed.map(nameOf) })",
    replace: '{}',
    why: 'a partition that was paused once is never read again',
  },
  {
    name: 'held without a bound',
    file: `${core}admission.ts`,
    search: 'if (held.records > 0 && !this.#hasRoom(held, bytes, 1)) return false',
    replace: '',
    why: 'memory grows with the backlog',
  },
  {
    name: 'a full partition starves another',
    file: `${core}admission.ts`,
    search: 'if (held.records > 0 && !this.#hasRoom(held, bytes, 1)) return false',
    replace: 'if (!this.#hasRoom(held, bytes, 1)) return false',
    why: 'one that wakes up finds no room',
  },
  // ── The limit ────────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'burst at a window’s edge',
    file: `${core}limiter.ts`,
    search: 'if (roomMs > nowMs) return wait(Math.min(growsMs, roomMs))',
    replace: '',
    why: 'a burst after a minute at full rate is too much for every window',
  },
  {
    name: 'share grown at once',
    file: `${core}limiter.ts`,
    search: 'fromMs: nowMs + holdMs, fullMs: nowMs + Math.max(windowMs, holdMs)',
    replace: 'fromMs: nowMs, fullMs: nowMs',
    why: 'whoever had the share before has used it just now',
  },
  {
    name: 'calls in flight not counted',
    file: `${core}limiter.ts`,
    search: 'const missing = this.#inFlight + this.#endedMs.length - head + 1 - max',
    replace: 'const missing = this.#endedMs.length - head + 1 - max',
    why: 'a call that takes long arrives when its place is taken by another',
  },
  {
    name: 'limit left unused',
    file: `${core}limiter.ts`,
    search: 'this.#perMs = options.limitPerMinute / windowMs',
    replace: 'this.#perMs = (options.limitPerMinute * 0.96) / windowMs',
    why: 'a backlog takes longer than it must',
  },
  {
    name: 'two owners at once',
    file: `${core}dispatcher.ts`,
    search: 'for (const [key, state] of this.#partitions) if (!given.has(key)) this.#lose(state)',
    replace: 'given.clear()',
    why: 'what was assigned to another is called on',
  },
  {
    name: 'cut-off replica keeps calling',
    file: `${core}dispatcher.ts`,
    search: "if (!this.#positioned || nowMs >= this.#memberUntilMs) return 'membership'",
    replace: "if (!this.#positioned) return 'membership'",
    why: 'its partitions may have a new owner',
  },
  // ── Suspension and shares ────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'organization without a bound',
    file: `${core}calls.ts`,
    search: 'const inFlightShareMax = 3 / 4',
    replace: 'const inFlightShareMax = 1',
    why: 'one organization that hangs takes all the calls',
  },
  {
    name: 'slow conversations without a bound',
    file: `${core}organization.ts`,
    search: 'const slowShare = 1 / 4',
    replace: 'const slowShare = 1',
    why: 'conversations that time out take all the calls of their organization',
  },
  {
    name: 'two probes at once',
    file: `${core}suspension.ts`,
    search: 'return this.#probing ? Number.POSITIVE_INFINITY : this.#nextProbeMs',
    replace: 'return this.#nextProbeMs',
    why: 'while one is under way the next one starts',
  },
  {
    name: 'suspension never ends',
    file: `${core}organization.ts`,
    search: 'if (whole !== undefined && refuses(whole, answer) === false) {',
    replace: "if (whole !== undefined && answer.kind === 'rejected') {",
    why: 'what works again is not seen',
  },
  {
    name: 'refused by a proxy and put away',
    file: `${core}channel.ts`,
    search: 'const rejectedInRowMax = 20',
    replace: 'const rejectedInRowMax = 2_000',
    why: 'a proxy that refuses everything empties the topic into the dead letters',
  },
  // ── The consumer’s gate, as the simulation has it ───────────────────────────────────────────────────────────────────
  {
    name: 'stale batch accepted',
    file: 'services/ingestor/src/kafka/at-cursor.ts',
    search: 'return Number(fetchedOffset) === cursor',
    replace: 'return Number(fetchedOffset) >= cursor',
    why: 'a batch of before a rejoin moves the cursor past what was not read',
  },
  // ── The producer ─────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'two sends in flight',
    file: producer,
    search: 'this.#sending ??= this.#sendAll()',
    replace: 'this.#sending = this.#sendAll()',
    why: 'kafkajs acknowledges what it did not write',
  },
  {
    name: 'failed producer reused',
    file: producer,
    search: 'if (kafkaErrorType(failure) !== undefined) return',
    replace: 'if (failure !== null) return',
    why: 'kafkajs acknowledges what it did not write',
  },
  {
    name: 'a partition that is missing in the answer',
    file: producer,
    search: 'if (listed.has(',
    replace: 'if (listed.size > 0 || listed.has(',
    why: 'after a leader moved it was never sent',
  },
]
