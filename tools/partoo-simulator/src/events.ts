// Owns the stream of everything that happens inside the simulator, for the inbox, for `npm start`'s story and for tests
// that wait for something. Listeners are told synchronously, in order.

import type { Call } from './calls.ts'
import type { Conversation, Message } from './conversations.ts'
import type { WebhookAttempt } from './webhooks.ts'

/** A conversation as lists show it: without its message ids, with its last message. */
export type ConversationSummary = Omit<Conversation, 'message_ids'> & {
  message_count: number
  last_message: Message | null
  is_readonly: boolean
}

/**
 * What happened:
 *   accepted   an ingested message was answered 200          created   it exists now (the echo webhook goes out)
 *   duplicate  a repeat was answered 200 and ignored         lost      accepted, and by a fault never created
 *   reply      somebody answered in Partoo                   foreign   a message on another partner's channel
 *   status     a message became Sending, Success or Failed   read      a conversation was read
 *   call       an API request ended                          webhook-attempt  one delivery attempt ended
 *   settings   an organization, its webhooks or the faults changed            reset     everything was forgotten
 */
export type SimulatorEvent =
  | {
      type: 'accepted' | 'duplicate' | 'created' | 'lost' | 'reply' | 'foreign' | 'status'
      message: Message
      conversation: ConversationSummary
    }
  | { type: 'read'; conversation: ConversationSummary }
  | { type: 'call'; call: Omit<Call, 'body'> }
  | { type: 'webhook-attempt'; attempt: WebhookAttempt }
  | { type: 'settings' }
  | { type: 'reset' }

export type Listener = (event: SimulatorEvent) => void

export class Events {
  readonly #listeners = new Set<Listener>()

  /** Is anybody listening? Building an event costs something. */
  get heard(): boolean {
    return this.#listeners.size > 0
  }

  /** @returns the function that ends the subscription */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(event: SimulatorEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}
