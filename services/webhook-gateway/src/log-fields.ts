// What the log may say of a webhook: ids, what it is, where it goes. No text, no name, no header, no part of the body.

import { destinations, eventType } from './classify.ts'
import type { Fact } from './records.ts'

/** A webhook for the log: ids, named as in the contracts, type and where it goes; no text. */
export function webhookFields({ classified, kept }: Pick<Fact, 'classified' | 'kept'>): Record<string, unknown> {
  const { event } = classified
  const ids = event.kind === 'event' && {
    ...(event.message !== null && { message_id: event.message.id }),
    conversation_id: event.conversationId,
    org_id: event.orgId,
    business_id: event.businessId,
  }
  const common = { type: eventType(event), destination: destinations[classified.kind], ...ids }
  if (classified.kind === 'event') {
    return {
      ...common,
      ...(classified.reason !== null && { reason: classified.reason }),
      ...(classified.foreign && { foreign: true }),
      ...(kept.tryout && { tryout: true }),
    }
  }
  const { channelId, externalConversationId, externalMessageId } = classified.channel
  return {
    ...common,
    ...(classified.kind === 'receipt' && { receipt: classified.status }),
    channel_id: channelId,
    external_conversation_id: externalConversationId,
    ...(externalMessageId.kind === 'carried' && { external_message_id: externalMessageId.id }),
  }
}
