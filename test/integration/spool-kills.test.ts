// Real: the spool in a process of its own, its thread, SQLite and the disk; SIGKILL at moments that chance picks: while it opens,
// appends, removes, checkpoints. Doubled: nothing. (A kill leaves what the kernel has in memory: that each transaction is synced is
// checked by the spool's own tests.)
// Failure: a webhook that was acknowledged is not there, not whole or not in order; one that is back after its removal was
// acknowledged; one that nobody appended.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { destinationNames } from '@bridge/webhook-gateway/destination'
import type { KeptRow } from '@bridge/webhook-gateway/spool'
import { SpoolDatabase } from '@bridge/webhook-gateway/spool-database'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nameOf, webhookOf } from '../support/spool-webhooks.ts'

/** More of them by hand. */
const kills = Number(process.env.SPOOL_KILLS ?? 200)
/** So many kills on one folder, then a new one: the first start is killed too. */
const killsOfFolder = 20
const lifeMaxMs = 120
const writer = join(import.meta.dirname, '../support/spool-writer.ts')

let base: string
let env: NodeJS.ProcessEnv

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'spool-kills-'))
  // One that is not killed leaves what it compiled for all others: half of the time that each of them would take.
  env = { PATH: process.env.PATH, NODE_COMPILE_CACHE: join(base, 'compiled') }
  execFileSync(process.execPath, [writer, join(base, 'first'), '0', join(base, 'said'), '1'], { env })
})

afterAll(() => rmSync(base, { recursive: true, force: true }))

/** Runs a writer and kills it: `lifeMs` after it has opened, or, where that is negative, after its start. @returns its lines */
async function runAndKill(folder: string, run: number, lifeMs: number): Promise<string[][]> {
  const file = join(base, `run-${run}`)
  writeFileSync(file, '')
  const child = spawn(process.execPath, [writer, folder, String(run), file], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const kill = () => child.kill('SIGKILL')
  let errors = ''
  let timer = setTimeout(kill, lifeMs < 0 ? -lifeMs : 30_000)
  child.stderr.on('data', (text) => {
    errors += text
  })
  child.stdout.once('data', () => {
    if (lifeMs < 0) return
    clearTimeout(timer)
    timer = setTimeout(kill, lifeMs)
  })
  const [, signal] = await once(child, 'close')
  clearTimeout(timer)
  expect([errors, signal]).toEqual(['', 'SIGKILL'])
  // A line that was cut off says nothing.
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => line.split(' '))
}

/** Opens what the killed process left. @returns its rows, all of them, in order */
function readAll(folder: string): KeptRow[] {
  const opened = SpoolDatabase.open({ folder, bytesMax: 1_000_000_000 })
  if (opened.kind === 'refused') throw new Error(opened.because)
  const { database } = opened
  const rows = destinationNames.flatMap((name) => {
    const read = database.read(name, 0, { eventsMax: 1_000_000, bytesMax: 1_000_000_000 })
    if (read.kind === 'failed') throw new Error(read.because)
    return read.rows
  })
  expect(database.state.quarantined).toBe(0)
  database.close()
  return rows.toSorted((a, b) => a.id - b.id)
}

/** Judges what is there after a kill, by what was there before it and what the writer said. @returns what is wrong */
function judge(
  run: number,
  before: readonly KeptRow[],
  lines: readonly string[][],
  after: readonly KeptRow[],
): string[] {
  const wrong: string[] = []
  const said = (verb: string) => lines.filter((line) => line[0] === verb)
  const highest = (verb: string) =>
    new Map(destinationNames.map((name) => [name, Number(said(verb).findLast(([, of]) => of === name)?.[2] ?? 0)]))
  const removing = highest('removing')
  const removed = highest('removed')
  const aside = new Set(said('aside').map(([, id]) => Number(id)))
  const expected = new Map(before.map(({ id, body }) => [id, nameOf(body)]))
  for (const [, n, id] of said('kept')) expected.set(Number(id), { run, n: Number(n) })

  const there = new Map(after.map(({ id, body }) => [id, nameOf(body)]))
  for (const [id, name] of expected) {
    const mayBeGone = id <= (removing.get(webhookOf(name.run, name.n).destination) ?? 0) && !aside.has(id)
    if (!mayBeGone && !isDeepStrictEqual(there.get(id), name)) wrong.push(`${id} was acknowledged, and is lost`)
  }
  const triedNext = Number(said('tries').at(-1)?.[1] ?? 0)
  let last = { run: -1, n: -1 }
  for (const { id, isWhole, ...row } of after) {
    const name = nameOf(row.body)
    if (!isWhole || !isDeepStrictEqual(row, webhookOf(name.run, name.n))) wrong.push(`${id} is not what was appended`)
    if (name.run === run ? name.n >= triedNext : !isDeepStrictEqual(expected.get(id), name))
      wrong.push(`${id} is invented`)
    if (id <= (removed.get(row.destination) ?? 0) && !aside.has(id)) wrong.push(`${id} is back after its removal`)
    if (name.run < last.run || (name.run === last.run && name.n <= last.n)) wrong.push(`${id} is out of order`)
    last = name
  }
  return wrong
}

test(`${kills} kills: what was acknowledged is there, whole, in order, and nothing else`, async () => {
  const seen = { kept: 0, removed: 0, unsaid: 0, beforeOpen: 0 }
  let before: KeptRow[] = []
  for (let run = 0; run < kills; run += 1) {
    const folder = join(base, String(Math.floor(run / killsOfFolder)))
    if (run % killsOfFolder === 0) before = []
    // A fifth of them, the first of each folder among them, are killed on the way to their first webhook.
    const lifeMs = run % 5 === 0 ? -40 - Math.random() * 120 : Math.random() ** 2 * lifeMaxMs
    const lines = await runAndKill(folder, run, lifeMs)
    const after = readAll(folder)
    expect(judge(run, before, lines, after), `kill ${run}`).toEqual([])
    const kept = lines.filter(([verb]) => verb === 'kept').length
    seen.kept += kept
    seen.removed += lines.filter(([verb]) => verb === 'removed').length
    if (lines.length === 0) seen.beforeOpen += 1
    if (after.filter(({ body }) => nameOf(body).run === run).length > kept) seen.unsaid += 1
    before = after
  }
  console.log(`${kills} kills: ${JSON.stringify(seen)}`)
  // Otherwise the kills did not hit what they are for.
  expect(seen.kept).toBeGreaterThan(kills * 20)
  expect(seen.removed).toBeGreaterThan(kills / 4)
  expect(seen.beforeOpen).toBeGreaterThan(0)
}, 600_000)
