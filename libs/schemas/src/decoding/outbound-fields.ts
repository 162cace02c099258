// What of a producer's own schema matters: the fields of the outbound message, by name, on the outermost level. Everything else in
// a payload is passed over unread.

import type { JsonValue } from '../json.ts'
import { outboundMessage } from '../outbound-message.ts'

export const outboundFields: readonly string[] = Object.keys(outboundMessage.shape)

/**
 * What stands for a value that is no text and no whole number, such as bytes or a record: the contract refuses it, and names the
 * field.
 */
export const otherValue: JsonValue = []

/** An integer as `parseJson` has them: one that could be an id is a bigint, a negative one a number, which is none. */
export function integerValue(integer: bigint): JsonValue {
  return integer >= 0n ? integer : Number(integer)
}

/**
 * The text of each value of an enum. Its names stand for themselves, but that `User` and `Consumer` may be written in any case
 * and, as Protobuf's style guide has it, behind a prefix (`SENDER_TYPE_USER`): where exactly one name ends in each of the two,
 * so that an enum which distinguishes otherwise (`AGENT`, `END_USER`) is not guessed at.
 */
export function enumTexts(names: readonly string[]): string[] {
  const senders = ['User', 'Consumer']
  const ending = senders.map((sender) => names.filter((name) => endsIn(name, sender)))
  const isClear = ending.every((found) => found.length === 1)
  return names.map((name) => {
    const sender = senders.find((one) => name.toLowerCase() === one.toLowerCase() || (isClear && endsIn(name, one)))
    return sender ?? name
  })
}

function endsIn(name: string, word: string): boolean {
  return name.toLowerCase().endsWith(word.toLowerCase())
}
