// Owns the simulated Partoo as a whole: organizations, conversations, faults, records, webhooks, and what happens to a
// message between them. The HTTP API (api.ts), the control API (control.ts) and tests in the same process all act
// through this one object. Its methods are synchronous; what follows from them (creation, webhooks) happens later and is
// told to subscribers.
//
// What the facts leave open, decided here:
//   - An ingested message is created with status Success. A reply starts Sending; it becomes Success when the
//     organization's message_created webhook answered 2xx, and Failed when that is lost or not configured.
//   - A test delivery that the API asks for carries the message that the newest event of its type was about, as it is now;
//     the published example where there is none. It is attempted once.
//   - A repeat of a message whose creation was lost is accepted again (see conversations.ts, C2).

import { setMaxListeners } from 'node:events'
import type { z } from 'zod'
import { type CallFilter, CallRecord } from './calls.ts'
import {
  type Conversation,
  Conversations,
  type Message,
  type MessageStatus,
  type NewMessage,
  type Opening,
  type Page,
} from './conversations.ts'
import { CreationQueue } from './creation-queue.ts'
import { type ConversationSummary, Events, type Listener, type SimulatorEvent } from './events.ts'
import { type Fault, type FaultOrder, Faults, faultSchema } from './faults.ts'
import type { Ingested, NewForeignMessage, NewReply, WebhookOrder } from './inputs.ts'
import { shownConversations, shownMessages } from './look-ups.ts'
import type { SimulatorOptions, Webhook } from './options.ts'
import {
  type Channel,
  type NewSubscription,
  type Organization,
  type OrganizationChange,
  Organizations,
  shownOrganization,
} from './organizations.ts'
import { type Refused, refuse } from './refusal.ts'
import { createSigner } from './signing.ts'
import { type EventType, messageEvent, sampleEvent } from './webhook-event.ts'
import { type Attempted, type WebhookAttempt, type WebhookFilter, Webhooks } from './webhooks.ts'

const noTotals = { accepted: 0, created: 0, duplicates: 0, lost: 0, replies: 0, foreign: 0 }

type PendingCreation = { message: Message; opening: Opening }

export class PartooState {
  readonly options: SimulatorOptions
  readonly publicKeyPem: string
  readonly callRecord: CallRecord
  organizations: Organizations
  #conversations = new Conversations()
  readonly #faults: Faults
  readonly #events = new Events()
  readonly #webhooks: Webhooks
  readonly #creations: CreationQueue<PendingCreation>
  #totals = { ...noTotals }
  /** The message of the newest event, by organization and type. */
  readonly #newest = new Map<string, number>()
  #life = endlessListeners()

  constructor(options: SimulatorOptions) {
    const signer = createSigner(options.signingSeed)
    this.options = options
    this.publicKeyPem = signer.publicKeyPem
    this.organizations = new Organizations(options.organizations, performance.now())
    this.callRecord = new CallRecord(options.callsMax)
    this.#faults = new Faults(options.seed)
    this.#creations = new CreationQueue(options.creationDelayMs, (item) => this.#create(item))
    this.#webhooks = new Webhooks({
      retryBaseMs: options.webhookRetryBaseMs,
      timeoutMs: options.webhookTimeoutMs,
      signer,
      events: this.#events,
    })
  }

  // ---- what the API does -------------------------------------------------------------------------------------------

  /** Accepts an ingested message, or recognises a duplicate. `loseCreation`: accepted, but never created. */
  ingest(
    organization: Organization,
    channel: Channel,
    given: Ingested,
    loseCreation: boolean,
  ): { kind: 'accepted' | 'duplicate'; message: Message } | Refused {
    const known = this.#conversations.messageByExternalId(channel.channel_id, given.external_message_id)
    if (known !== null) {
      known.duplicates += 1
      this.#totals.duplicates += 1
      this.#tell('duplicate', known)
      return { kind: 'duplicate', message: known }
    }
    if (this.#creations.full) return refuse('full', 'too many accepted messages wait for their creation')
    const conversation = this.#conversations.open(
      channel.channel_id,
      given.external_conversation_id,
      organization.org_id,
      given.business_id,
    )
    const message = this.#conversations.add(conversation, {
      external_message_id: given.external_message_id,
      content_type: 'Text',
      content: given.content,
      sender_type: given.sender_type,
      sender_label: null,
      user_id: null,
      state: loseCreation ? 'lost' : 'accepted',
      status: 'Success',
    })
    this.#totals.accepted += 1
    this.#tell('accepted', message)
    if (loseCreation) {
      this.#totals.lost += 1
      this.#tell('lost', message)
    } else {
      const { business_id, consumer_name, consumer_image } = given
      this.#creations.add({ message, opening: { business_id, consumer_name, consumer_image } })
    }
    return { kind: 'accepted', message }
  }

  /** GET /conversations of this organization: those created, above the id `after`; see look-ups.ts. */
  shownConversations(orgId: number, businessIds: ReadonlySet<string> | null, after: number, size: number) {
    return shownConversations(this.#conversations, this.options, { orgId, businessIds, after, size })
  }

  /** GET /messages of a conversation of this organization; null: no such conversation. */
  shownMessages(orgId: number, conversationId: number, after: number, size: number) {
    return shownMessages(this.#conversations, this.options, { orgId, conversationId, after, size })
  }

  /**
   * For the API only: one test delivery, whether or not the target is configured.
   * @returns what came of it; an error too where the simulator is reset or ends meanwhile
   */
  tryout(organization: Organization, target: NewSubscription): Promise<Attempted> {
    const { org_id: orgId } = organization
    const body = this.#newestEvent(orgId, target.event_type) ?? sampleEvent(target.event_type, orgId)
    const about = { orgId, messageId: null, tryout: true, attemptsMax: 1 }
    const life = this.#life.signal
    return new Promise((resolve) => {
      const over = () => resolve({ status: null, error: 'the simulator was reset' })
      life.addEventListener('abort', over)
      if (life.aborted) over()
      this.#webhooks.send(target, Buffer.from(JSON.stringify(body)), about, (_, last) => {
        life.removeEventListener('abort', over)
        resolve(last)
      })
    })
  }

  /** For the API only: tells that it changed an organization's webhooks. */
  settingsChanged(): void {
    this.#events.tell({ type: 'settings' })
  }

  // ---- what a person in Partoo does --------------------------------------------------------------------------------

  /** Somebody writes in Partoo. @returns the message, still Sending; what becomes of it is told as `status` */
  reply(given: NewReply): { kind: 'created'; message: Message } | Refused {
    const conversation = this.#conversations.conversation(given.conversation_id)
    if (conversation === null || !conversation.created) return refuse('not-found', 'no such conversation')
    if (this.#isReadonly(conversation)) return refuse('not-allowed', 'the channel is read-only')
    conversation.unread = 0
    // A system note is delivered to nobody, so nothing becomes of it.
    const isNote = given.sender_type === 'Metadata'
    const message = this.#addCreated(conversation, {
      external_message_id: null,
      content_type: given.content_type ?? 'Text',
      content: given.content,
      sender_type: given.sender_type ?? 'User',
      sender_label: given.sender_label === undefined ? 'Inbox' : given.sender_label,
      user_id: given.user_id === undefined ? 'simulator-inbox' : given.user_id,
      state: 'accepted',
      status: isNote ? 'Success' : 'Sending',
    })
    this.#totals.replies += 1
    this.#tell('reply', message)
    this.#notify('message_created', message, (delivered) => {
      if (!isNote) this.setMessageStatus(message.id, delivered ? 'Success' : 'Failed')
    })
    return { kind: 'created', message }
  }

  /** A message on another partner's channel (Google, Facebook…): its webhook has custom_channel null. */
  foreignMessage(given: NewForeignMessage): { kind: 'created'; message: Message } | Refused {
    const orgId = given.org_id ?? this.organizations.first().org_id
    if (this.organizations.find(orgId) === null) return refuse('not-found', 'no such organization')
    let conversation: Conversation | null
    if (given.conversation_id === undefined) {
      conversation = this.#conversations.openForeign(
        orgId,
        given.business_id ?? '1',
        given.messaging_partner ?? 'Facebook',
      )
    } else {
      conversation = this.#conversations.conversation(given.conversation_id)
      if (conversation === null || conversation.org_id !== orgId) return refuse('not-found', 'no such conversation')
      if (conversation.channel_id !== null) return refuse('invalid', 'that conversation is on a custom channel')
    }
    const senderType = given.sender_type ?? 'Consumer'
    const consumerName = given.consumer_name === undefined ? 'John Doe' : given.consumer_name
    const message = this.#addCreated(
      conversation,
      {
        external_message_id: null,
        content_type: given.content_type ?? 'Text',
        content: given.content,
        sender_type: senderType,
        sender_label: senderType === 'User' ? 'Jane Doe' : null,
        user_id: null,
        state: 'accepted',
        status: 'Success',
      },
      consumerName,
    )
    this.#totals.foreign += 1
    this.#tell('foreign', message)
    this.#notify('message_created', message)
    return { kind: 'created', message }
  }

  /** Changes a created message's status and sends message_updated. */
  setMessageStatus(messageId: number, status: MessageStatus): { kind: 'changed'; message: Message } | Refused {
    const message = this.#conversations.message(messageId)
    if (message === null || message.state !== 'created') return refuse('not-found', 'no such message')
    message.status = status
    this.#tell('status', message)
    this.#notify('message_updated', message)
    return { kind: 'changed', message }
  }

  /** Somebody looked at a conversation: nothing in it is unread any more. */
  markRead(conversationId: number): boolean {
    const conversation = this.#conversations.conversation(conversationId)
    if (conversation === null) return false
    if (conversation.unread > 0) {
      conversation.unread = 0
      if (this.#events.heard) this.#events.tell({ type: 'read', conversation: this.#summary(conversation) })
    }
    return true
  }

  // ---- what a test orders ------------------------------------------------------------------------------------------

  /** Orders a fault. Throws on an order that is not well-formed (a bug of the test), or where orderFault refuses. */
  addFault(order: FaultOrder): Fault {
    const ordered = this.orderFault(faultSchema.parse(order))
    if (ordered.kind === 'refused') throw new Error(ordered.message)
    return ordered.fault
  }

  /** Orders a fault that was checked already. */
  orderFault(order: z.output<typeof faultSchema>): { kind: 'ordered'; fault: Fault } | Refused {
    const fault = this.#faults.add(order, performance.now())
    if (fault === null) return refuse('full', 'too many faults at once')
    this.settingsChanged()
    return { kind: 'ordered', fault }
  }

  faults(): Fault[] {
    return this.#faults.list(performance.now())
  }

  fault(id: string): Fault | null {
    return this.#faults.find(id, performance.now())
  }

  removeFault(id: string): boolean {
    const removed = this.#faults.remove(id)
    if (removed) this.settingsChanged()
    return removed
  }

  clearFaults(): void {
    this.#faults.clear()
    this.settingsChanged()
  }

  /** For the API only: which faults befall a request. Uses them up. */
  chooseFaults(target: Parameters<Faults['choose']>[0], nowMs: number) {
    return this.#faults.choose(target, nowMs)
  }

  /** Replaces the webhook configurations of an organization (default: the first). */
  setWebhooks(webhooks: readonly Webhook[], orgId?: number): { kind: 'changed' } | Refused {
    const organization = orgId === undefined ? this.organizations.first() : this.organizations.find(orgId)
    if (organization === null) return refuse('not-found', 'no such organization')
    this.organizations.setWebhooks(organization, webhooks)
    this.settingsChanged()
    return { kind: 'changed' }
  }

  /** Changes the rate limit or its kind, revokes or restores keys. */
  changeOrganization(orgId: number, change: OrganizationChange): { kind: 'changed' } | Refused {
    const organization = this.organizations.find(orgId)
    if (organization === null) return refuse('not-found', 'no such organization')
    const problem = this.organizations.change(organization, change, performance.now())
    if (problem !== null) return refuse('invalid', problem)
    this.settingsChanged()
    return { kind: 'changed' }
  }

  /**
   * Sends any event, signed like the others: other event types, odd payloads, bodies that are not JSON.
   * @returns how many webhooks it goes to (0: the event type has no configuration)
   */
  sendWebhook(given: WebhookOrder): { kind: 'sent'; webhooks: number } | Refused {
    const organization = given.org_id === undefined ? this.organizations.first() : this.organizations.find(given.org_id)
    if (organization === null) return refuse('not-found', 'no such organization')
    const type = given.event_type ?? 'message_created'
    const body = given.body === undefined ? sampleEvent(type, organization.org_id) : given.body
    const bytes =
      body instanceof Uint8Array ? Buffer.from(body) : Buffer.from(typeof body === 'string' ? body : stringify(body))
    const subscription = this.organizations.subscriptionOf(organization, type)
    if (subscription === null) return { kind: 'sent', webhooks: 0 }
    const about = { orgId: organization.org_id, messageId: null, tryout: given.tryout ?? false }
    this.#webhooks.send(subscription, bytes, about)
    return { kind: 'sent', webhooks: 1 }
  }

  /** Back to the state after the start: options, no data, no faults, empty records; nothing pending any more. */
  reset(): void {
    this.#life.abort()
    this.#life = endlessListeners()
    this.#creations.clear()
    this.#webhooks.clear()
    this.#faults.restart()
    this.callRecord.clear()
    this.#conversations = new Conversations()
    this.organizations = new Organizations(this.options.organizations, performance.now())
    this.#totals = { ...noTotals }
    this.#newest.clear()
    this.#events.tell({ type: 'reset' })
  }

  // ---- what can be seen --------------------------------------------------------------------------------------------

  /** Recorded API calls that match every given field, in order of arrival. */
  calls(filter: CallFilter = {}) {
    return this.callRecord.list(filter)
  }

  /** The most API calls in any stretch of so many milliseconds; see calls.ts for what is counted. */
  mostInWindow(ms = 60_000, orgId?: number) {
    return this.callRecord.mostInWindow(ms, orgId)
  }

  /** Recorded webhook attempts that match every given field, oldest first. */
  webhookAttempts(filter: WebhookFilter = {}): WebhookAttempt[] {
    return this.#webhooks.attempts(filter)
  }

  /** Conversations with the newest activity first. `next` is the `before` of the following page. */
  conversations(
    filter: { org_id?: number | undefined; channel_id?: string | undefined } = {},
    before: number | null = null,
    size = Number.POSITIVE_INFINITY,
  ): Page<ConversationSummary> {
    const page = this.#conversations.newest(
      (each) =>
        (filter.org_id === undefined || each.org_id === filter.org_id) &&
        (filter.channel_id === undefined || each.channel_id === filter.channel_id),
      before,
      size,
    )
    return { items: page.items.map((each) => this.#summary(each)), next: page.next }
  }

  conversation(id: number): ConversationSummary | null {
    const found = this.#conversations.conversation(id)
    return found === null ? null : this.#summary(found)
  }

  /** The newest messages of a conversation (below `before`), oldest first, whatever their state; null: none such. */
  messagesOf(conversationId: number, before: number | null = null, size = Number.POSITIVE_INFINITY) {
    const conversation = this.#conversations.conversation(conversationId)
    return conversation === null ? null : this.#conversations.latest(conversation, before, size)
  }

  /** Every message of every conversation, by ascending id. */
  messages(): Message[] {
    return [...this.#conversations.messages()]
  }

  /** Organizations with their settings, totals, and what is pending. Keys are shown by their first characters only. */
  snapshot() {
    return {
      organizations: this.organizations.list().map(shownOrganization),
      public_key_pem: this.publicKeyPem,
      totals: { ...this.#totals },
      conversations: this.#conversations.conversationsSize,
      messages: this.#conversations.messagesSize,
      messages_forgotten: this.#conversations.forgotten,
      calls: this.callRecord.size,
      calls_dropped: this.callRecord.dropped,
      webhook_attempts_dropped: this.#webhooks.attemptsDropped,
      creations_pending: this.#creations.size,
      webhooks_pending: this.#webhooks.pending,
      faults: this.faults(),
    }
  }

  /** Tells a listener everything that happens from now on. @returns the function that ends it */
  subscribe(listener: Listener): () => void {
    return this.#events.subscribe(listener)
  }

  /** For the API only: an event that it causes itself. */
  tellCall(event: Extract<SimulatorEvent, { type: 'call' }>): void {
    this.#events.tell(event)
  }

  get heard(): boolean {
    return this.#events.heard
  }

  /** For the API only: aborted when everything is forgotten or the simulator stops; what waits until then is over. */
  get life(): AbortSignal {
    return this.#life.signal
  }

  /** Ends everything that would happen later. What was recorded stays. */
  close(): void {
    this.#life.abort()
    this.#creations.clear()
    this.#webhooks.close()
  }

  // ---- inside ------------------------------------------------------------------------------------------------------

  #create({ message, opening }: PendingCreation): void {
    if (this.#conversations.create(message, opening) === null) return
    this.#totals.created += 1
    this.#tell('created', message)
    this.#notify('message_created', message)
  }

  #addCreated(conversation: Conversation, given: NewMessage, consumerName: string | null = null): Message {
    const message = this.#conversations.add(conversation, given)
    const { business_id } = conversation
    this.#conversations.create(message, { business_id, consumer_name: consumerName, consumer_image: null })
    return message
  }

  /** Sends a webhook about a message. `ended` is told false at once where the event type has no configuration. */
  #notify(type: EventType, message: Message, ended: ((delivered: boolean) => void) | null = null): void {
    const organization = this.organizations.find(message.org_id)
    const conversation = this.#conversations.conversation(message.conversation_id)
    if (organization === null || conversation === null) return
    this.#newest.set(`${message.org_id} ${type}`, message.id)
    const subscription = this.organizations.subscriptionOf(organization, type)
    if (subscription === null) {
      ended?.(false)
      return
    }
    const body = Buffer.from(JSON.stringify(messageEvent(type, message, conversation, this.options)))
    this.#webhooks.send(subscription, body, { orgId: message.org_id, messageId: message.id }, ended)
  }

  /** The newest event of a type, about the message as it is now; null: there was none, or its message is forgotten. */
  #newestEvent(orgId: number, type: string) {
    const message = this.#conversations.message(this.#newest.get(`${orgId} ${type}`) ?? 0)
    const conversation = message === null ? null : this.#conversations.conversation(message.conversation_id)
    if (message === null || conversation === null) return null
    return messageEvent(type as EventType, message, conversation, this.options)
  }

  #tell(type: 'accepted' | 'duplicate' | 'created' | 'lost' | 'reply' | 'foreign' | 'status', message: Message): void {
    if (!this.#events.heard) return
    const conversation = this.#conversations.conversation(message.conversation_id)
    if (conversation === null) return
    this.#events.tell({ type, message: { ...message }, conversation: this.#summary(conversation) })
  }

  #isReadonly(conversation: Conversation): boolean {
    return conversation.channel_id !== null
      ? (this.organizations.channel(conversation.channel_id)?.channel.is_readonly ?? false)
      : false
  }

  #summary(conversation: Conversation): ConversationSummary {
    const { message_ids, ...rest } = conversation
    const last = this.#conversations.message(message_ids.at(-1) ?? 0)
    return {
      ...rest,
      message_count: message_ids.length,
      last_message: last === null ? null : { ...last },
      is_readonly: this.#isReadonly(conversation),
    }
  }
}

function stringify(body: unknown): string {
  return JSON.stringify(body) ?? 'null'
}

/** Every request that waits listens to it; there may be thousands, and no warning is wanted. */
function endlessListeners(): AbortController {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  return controller
}
