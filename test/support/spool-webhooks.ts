// The webhooks of spool-writer.ts: each can be made again from its run and its number, so that what is read can be judged.

import { createHash } from 'node:crypto'
import { type Destination, destinationNames } from '@bridge/webhook-gateway/destination'
import type { Kept } from '@bridge/webhook-gateway/spool'

/** The number `n` of a run: one of three destinations, 50 bytes to 20 kB. */
export function webhookOf(run: number, n: number): Kept {
  const digest = createHash('sha256').update(`${run} ${n}`).digest()
  const size = digest.readUInt8(0) < 200 ? 50 + (digest.readUInt16BE(1) % 2_000) : digest.readUInt16BE(1) % 20_000
  const name = Buffer.from(`${run} ${n}\n`)
  const filling = createHash('shake256', { outputLength: size }).update(digest).digest()
  return {
    destination: destinationNames[digest.readUInt8(3) % 3] as Destination,
    body: Buffer.concat([name, filling]),
    tryout: digest.readUInt8(4) % 2 === 0,
    traceparent: digest.readUInt8(5) % 2 === 0 ? undefined : digest.toString('hex'),
    receivedAt: new Date(1_780_000_000_000 + n).toISOString(),
  }
}

/** The run and the number that a body says it is of. */
export function nameOf(body: Buffer): { run: number; n: number } {
  const [run, n] = body.toString('latin1', 0, body.indexOf('\n')).split(' ').map(Number)
  return { run: run ?? Number.NaN, n: n ?? Number.NaN }
}
