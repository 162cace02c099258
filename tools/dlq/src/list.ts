// `list`: tells of each dead letter when it was put away, why, and whose it is.

import { aligned } from '@bridge/runtime/tool-output'
import { exits } from '@bridge/runtime/tool-run'
import { oneLine } from '@bridge/schemas/masked'
import { deadLetterReasons } from '@bridge/schemas/receipt'
import { type Filter, meant } from './filter.ts'
import { type Letter, placeName } from './letter.ts'
import { readLetters } from './letters.ts'
import { counted, type Work } from './work.ts'

const idLengthMax = 40
const detailLengthMax = 200
const head = ['LETTER', 'PUT AWAY', 'REASON', 'HTTP', 'CHANNEL', 'CONVERSATION', 'MESSAGE', 'WHY']

/** @returns the exit code */
export async function list(
  work: Work,
  { filter, redriven, json, limit }: { filter: Filter; redriven: boolean; json: boolean; limit: number },
): Promise<number> {
  const { output, identify } = work
  const wanted = (await readLetters(work)).filter(meant(filter))
  const open = redriven ? wanted : wanted.filter(({ isRedriven }) => !isRedriven)
  const shown = open.toSorted((a, b) => a.putAwayMs - b.putAwayMs).slice(-limit)
  if (json) {
    for (const letter of shown) output.line(JSON.stringify(told(letter)))
  } else {
    const [first = '', ...lines] = aligned([head, ...shown.map(row)])
    if (shown.length > 0) output.line(output.paint('dim', first))
    for (const line of lines) output.line(line)
    output.line(summary(open))
    if (shown.length < open.length) output.line(`Shown are the latest ${shown.length}: --limit shows more.`)
    const hidden = wanted.length - open.length
    if (hidden > 0) output.line(`Not shown, as redriven: ${hidden}. --redriven shows them.`)
  }
  if (identify.unread !== null) output.error(`Of some the ids are not known: ${identify.unread}.`)
  return exits.done
}

function summary(letters: readonly Letter[]): string {
  if (letters.length === 0) return 'No dead letter.'
  const reasons = deadLetterReasons.flatMap((reason) => {
    const count = letters.filter((letter) => letter.reason === reason).length
    return count === 0 ? [] : [`${count} ${reason}`]
  })
  return `${counted(letters.length, 'dead letter')}: ${reasons.join(', ')}.`
}

function row(letter: Letter): string[] {
  const { channel_id: channel, external_conversation_id: conversation, external_message_id: message } = letter.ids
  const notes = [
    letter.isRedriven ? 'redriven' : '',
    letter.redrives > 0 ? `came back (redriven ${letter.redrives}×)` : '',
    letter.truncation === 'none' ? '' : 'not whole',
  ]
  return [
    placeName(letter),
    new Date(letter.putAwayMs).toISOString(),
    letter.reason,
    letter.httpStatus === null ? '' : String(letter.httpStatus),
    ...[channel, conversation, message].map((id) => (id === null ? '?' : oneLine(id, [], idLengthMax))),
    [...notes.filter(Boolean), oneLine(letter.detail, [], detailLengthMax)].join('; '),
  ]
}

/** One line of `--json`: times are ISO 8601 UTC, what is not known is null. */
function told(letter: Letter): object {
  return {
    letter: placeName(letter),
    put_away_at: new Date(letter.putAwayMs).toISOString(),
    reason: letter.reason,
    detail: letter.detail,
    http_status: letter.httpStatus,
    attempts: letter.attempts,
    first_attempt_at: letter.firstAttemptAt,
    last_attempt_at: letter.lastAttemptAt,
    ...letter.ids,
    source: { ...letter.source, timestamp: new Date(letter.sourceTimestampMs).toISOString() },
    truncated: letter.truncation === 'none' ? null : letter.truncation,
    redriven: letter.isRedriven,
    redriven_before: letter.redrives,
  }
}
