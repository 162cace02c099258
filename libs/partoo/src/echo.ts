// Owns what an answer may repeat of the request that it answers: what Partoo, or a proxy on the way, says is kept with dead letters, and
// is shown. Neither the key nor a text that was to be sent may be in it.

import { masked } from '@bridge/schemas/masked'
import type { OutboundMessage } from '@bridge/schemas/outbound-message'
import type { Answer } from './answer.ts'

/** Shorter texts are looked for in quotes only: an answer would lose all that happens to be the same. */
const barelyCharsMin = 8
/** By so much of its beginning a text is found of which the end was not read. */
const beginningChars = 24

/** The answer, with `***` in place of the key, the content and the consumer's name wherever its body repeats them. */
export function withoutEcho(answer: Answer, { apiKey, message }: { apiKey: string; message: OutboundMessage }): Answer {
  if (!('body' in answer) || answer.body === null || answer.body.length === 0) return answer
  const told = answer.body.toString('utf8')
  const texts = [message.content, message.consumer_name ?? ''].filter((text) => text !== '')
  const long = [apiKey, ...texts.filter((text) => text.length >= barelyCharsMin)]
  const short = texts.filter((text) => text.length < barelyCharsMin)
  const kept = short.reduce(
    (rest, text) => rest.replaceAll(JSON.stringify(text), '"***"'),
    withoutBeginnings(masked(told, long), long),
  )
  // What is no UTF-8 stays as it came.
  return kept === told ? answer : { ...answer, body: Buffer.from(kept) }
}

/** An answer that is longer than what is read of it ends in the middle of what it repeats: that end goes too. */
function withoutBeginnings(text: string, texts: string[]): string {
  let kept = text
  for (const one of texts.filter(({ length }) => length > beginningChars)) {
    for (const form of [one, JSON.stringify(one).slice(1)]) {
      const at = kept.indexOf(form.slice(0, beginningChars))
      if (at !== -1) kept = `${kept.slice(0, at)}***`
    }
  }
  return kept
}
