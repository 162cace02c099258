// Another client of the organization at Partoo: so many requests a second with the same key, answered or refused.

import { pauseMs } from '@bridge/local-kafka/deadline'
import { apiKey, type World } from './world.ts'

const everyMs = 100

/** Makes calls for so long. @returns how many were accepted, and how many refused with 429 */
export async function otherClient(
  world: World,
  perSecond: number,
  forMs: number,
): Promise<{ accepted: number; refused: number }> {
  const url = `${world.fleet.simulator.apiBase}/custom-channels/chat/messages`
  const startMs = performance.now()
  const calls: Promise<number>[] = []
  for (;;) {
    const elapsedMs = performance.now() - startMs
    while (calls.length < (elapsedMs / 1_000) * perSecond) calls.push(call(url, calls.length))
    if (elapsedMs >= forMs) break
    await pauseMs(everyMs, world.signal)
    world.signal.throwIfAborted()
  }
  const statuses = await Promise.all(calls)
  const count = (wanted: number) => statuses.filter((status) => status === wanted).length
  return { accepted: count(200), refused: count(429) }
}

async function call(url: string, n: number): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-apikey': apiKey },
    body: JSON.stringify({
      business_id: '42',
      external_conversation_id: `others-${n % 10}`,
      external_message_id: `others/${n}`,
      content: 'planted text of another client',
      sender_type: 'Consumer',
    }),
  })
  await response.arrayBuffer()
  return response.status
}
