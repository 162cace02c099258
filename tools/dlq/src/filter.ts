// Owns which letters are meant: all conditions must hold, and of each condition one of its values.

import type { DeadLetterReason } from '@bridge/schemas/receipt'
import { type Letter, type Place, placeName } from './letter.ts'

/** Empty lists and nulls are no conditions. Times are when a letter was put away, wall clock. */
export type Filter = {
  reasons: readonly DeadLetterReason[]
  channels: readonly string[]
  conversations: readonly string[]
  places: readonly Place[]
  sinceMs: number | null
  /** Not itself meant. */
  untilMs: number | null
}

export function isEmpty({ reasons, channels, conversations, places, sinceMs, untilMs }: Filter): boolean {
  const none = [reasons, channels, conversations, places].every(({ length }) => length === 0)
  return none && sinceMs === null && untilMs === null
}

export function meant(filter: Filter): (letter: Letter) => boolean {
  const { sinceMs, untilMs } = filter
  const reasons = new Set<string>(filter.reasons)
  const channels = new Set(filter.channels)
  const conversations = new Set(filter.conversations)
  const places = new Set(filter.places.map(placeName))
  return (letter) => {
    const { channel_id: channel, external_conversation_id: conversation } = letter.ids
    return (
      (reasons.size === 0 || reasons.has(letter.reason)) &&
      (channels.size === 0 || (channel !== null && channels.has(channel))) &&
      (conversations.size === 0 || (conversation !== null && conversations.has(conversation))) &&
      (places.size === 0 || places.has(placeName(letter))) &&
      (sinceMs === null || letter.putAwayMs >= sinceMs) &&
      (untilMs === null || letter.putAwayMs < untilMs)
    )
  }
}
