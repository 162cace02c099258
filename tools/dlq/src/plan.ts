// Owns which letters would be redriven, in which order, and why the others would not. No I/O.
//
// The order is that in which the records were produced: by where they were first, so that those of a conversation follow each other
// also where some were redriven before and came back.

import type { Coordinates } from '@bridge/schemas/dead-letter'
import type { Letter } from './letter.ts'

const portionBytesMax = 64_000_000
const portionRecordsMax = 10_000

/** Why a letter that is meant stays. */
export const stays = {
  redriven: 'redriven before',
  'came-back': 'redriven before, and put away again: --again sends them once more',
  truncated: 'not whole: the dead-letter topic did not take it, and only its coordinates are there',
  elsewhere: 'of a topic that is neither OUTBOUND_TOPIC nor OUTBOUND_BULK_TOPIC',
} as const
export type Stays = keyof typeof stays

/** One record that goes back, and the further letters that tell of the same one: the ingestor may put a record away twice. */
export type Going = { letter: Letter; copies: Letter[] }

export type Plan = { going: Going[]; staying: Record<Stays, Letter[]> }

/**
 * @param letters all that there are, as copies may be among those that are not meant
 * @param topics that may be written to
 * @param again whether those that came back go too
 */
export function plan(
  letters: readonly Letter[],
  isMeant: (letter: Letter) => boolean,
  topics: readonly string[],
  again: boolean,
): Plan {
  const staying: Plan['staying'] = { redriven: [], 'came-back': [], truncated: [], elsewhere: [] }
  const same = new Map<string, Letter[]>()
  for (const letter of letters) {
    const list = same.get(identity(letter))
    if (list === undefined) same.set(identity(letter), [letter])
    else list.push(letter)
  }
  const going: Going[] = []
  for (const list of same.values()) {
    const wanted = list.filter(isMeant)
    if (wanted.length === 0) continue
    const whole = list.find(({ truncation }) => truncation === 'none')
    const [first] = wanted
    if (first === undefined) continue
    if (list.some(({ isRedriven }) => isRedriven)) staying.redriven.push(...wanted)
    else if (!topics.includes(first.source.topic)) staying.elsewhere.push(...wanted)
    else if (whole === undefined) staying.truncated.push(...wanted)
    else if (first.redrives > 0 && !again) staying['came-back'].push(...wanted)
    else going.push({ letter: whole, copies: list.filter((letter) => letter !== whole) })
  }
  going.sort((a, b) => inOrder(a.letter, b.letter))
  return { going, staying }
}

/** Parts of a plan, each small enough to be held with its bytes. */
export function* portions(going: readonly Going[]): Generator<Going[]> {
  let portion: Going[] = []
  let bytes = 0
  for (const one of going) {
    if (portion.length === portionRecordsMax || (portion.length > 0 && bytes + one.letter.bytes > portionBytesMax)) {
      yield portion
      portion = []
      bytes = 0
    }
    portion.push(one)
    bytes += one.letter.bytes
  }
  if (portion.length > 0) yield portion
}

/** Letters of one record, put away at one of its times. */
function identity({ first, redrives }: Letter): string {
  return `${name(first)} ${redrives}`
}

function name({ topic, partition, offset }: Coordinates): string {
  return `${topic}/${partition}/${offset}`
}

function inOrder(a: Letter, b: Letter): number {
  const byTopic = a.first.topic < b.first.topic ? -1 : a.first.topic > b.first.topic ? 1 : 0
  return byTopic || a.first.partition - b.first.partition || a.first.offset - b.first.offset || a.redrives - b.redrives
}
