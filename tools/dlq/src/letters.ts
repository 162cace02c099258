// Owns the reading of all dead letters: what each is, whose it is, and which of them were redriven.

import { readRedriveNote } from '@bridge/schemas/redrive'
import { type Letter, placeName, readLetter } from './letter.ts'
import { grouped, type Work } from './work.ts'

/** Reads everything that the topic has now, in the order of its partitions. Rejects where it cannot be read. */
export async function readLetters({ reader, identify, progress }: Work): Promise<Letter[]> {
  const ranges = await reader.whole()
  const total = ranges.reduce((sum, { from, to }) => sum + to - from, 0)
  const letters: Letter[] = []
  const redriven = new Set<string>()
  let count = 0
  await reader.read(ranges, async (record) => {
    count += 1
    progress.update(`Reading the dead letters: ${grouped(count)} of ${grouped(total)}`)
    const note = readRedriveNote(record)
    if (note !== undefined) {
      for (const offset of note) redriven.add(placeName({ partition: record.partition, offset }))
      return
    }
    const letter = readLetter(record, await identify.idsOf(record))
    if (letter !== undefined) letters.push(letter)
  })
  progress.clear()
  for (const letter of letters) letter.isRedriven = redriven.has(placeName(letter))
  return letters.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
}
