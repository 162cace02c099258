// The ingestor's log lines about its work: one wide line an attempt, and one when something is suspended and when it is not any
// more. Ids are in them, texts of messages are not.

import type { Log } from '@bridge/runtime/log'
import type { AttemptReport, SuspensionReport } from './core/facts.ts'
import type { Channels } from './organizations.ts'

const idReused =
  'another message was accepted under this external_message_id before: Partoo ignores this one; let producers give each message an id of its own'

/** One call and what comes of it. What needs nobody's attention is `info`. */
export function tellAttempt(log: Log, report: AttemptReport): void {
  const { record, answer, next, delayMs } = report
  const fields = {
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    channel_id: report.channelId,
    external_conversation_id: report.conversationId,
    external_message_id: report.messageId,
    attempt: report.attempt,
    outcome: answer.kind,
    status: answer.status,
    durationMs: Math.round(report.durationMs),
    detail: 'detail' in answer ? answer.detail : undefined,
    next,
    nextInMs: delayMs === null ? undefined : Math.round(delayMs),
    idReused: report.idReused ? idReused : undefined,
  }
  if (next === 'accepted' && !report.idReused) log.info(fields, 'attempt finished')
  else log.warn(fields, 'attempt finished')
}

/** Something is suspended (`warn`, with what to check), or is not any more (`info`, with how long it was). */
export function tellSuspension(
  log: Log,
  { suspended, ...report }: SuspensionReport & { suspended: boolean },
  channels: Channels,
): void {
  const { scope, organization, channelId, businessId, cause, status, forMs } = report
  const channelName = channelId === null ? undefined : (channels.byId.get(channelId)?.name ?? undefined)
  const fields = {
    scope,
    organization,
    channel_id: channelId ?? undefined,
    channelName,
    business_id: businessId ?? undefined,
    outcome: cause,
    status,
  }
  const what = scope === 'outage' ? 'outage' : `${scope} suspended`
  if (suspended) {
    log.warn({ ...fields, check: whatToCheck(report) }, `${what}: messages are kept, one probe at a time goes out`)
  } else {
    const ended = scope === 'outage' ? 'outage over' : `${scope} not suspended any more`
    log.info({ ...fields, forSeconds: Math.round(forMs / 1000) }, ended)
  }
}

/** What a person should look at first. */
export function whatToCheck({ scope, cause, status }: SuspensionReport): string {
  switch (scope) {
    case 'outage':
      return 'whether Partoo is up, and the network to it; nothing has to be done here when it is back'
    case 'credential':
      if (status === 401) return 'whether the API key of this organization is right, and still valid'
      if (status === 407)
        return 'the proxy on the way to Partoo: it asks for a login, or does not take the one in HTTPS_PROXY'
      if (status === 403)
        return 'the proxy on the way to Partoo: it does not let us through to the host of PARTOO_BASE_URL'
      return 'PARTOO_BASE_URL, and proxies on the way: something answers that is not the API'
    case 'channel':
      return cause === 'forbidden'
        ? 'whether the channel’s id is right, and whether the API key may write to it'
        : 'what producers send and proxies on the way: every message is refused; the dead letters before have Partoo’s answers'
    case 'business':
      return 'whether the business is connected to the channel, and whether the API key may write for it'
  }
}
