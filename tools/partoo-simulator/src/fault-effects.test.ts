// Real: a simulator on loopback, faults ordered of it, connections as a client sees them. Doubled: nothing. Failure: an
// effect where there must be none, none where there must be one, a client that sees something else than the fault.

import { expect, test } from 'vitest'
import type { FaultOrder } from './faults.ts'
import { ask, ingest, ingestBody, organization, simulatorForTest, until } from './test-world.ts'

/** The code of the error that a fetch ended with. */
async function failure(asked: Promise<unknown>): Promise<string> {
  try {
    await asked
    return 'none'
  } catch (error) {
    const { cause, name } = error as { cause?: { code?: string }; name: string }
    return cause?.code ?? name
  }
}

async function simulatorWith(...orders: FaultOrder[]) {
  const organizations = [organization({ rate_limit_per_minute: 1_000 })]
  const simulator = await simulatorForTest({ organizations })
  for (const order of orders) simulator.state.addFault(order)
  return simulator
}

test('answer: its status, headers and body, no effect, not counted', async () => {
  const simulator = await simulatorWith(
    { count: 1, effect: { kind: 'answer', status: 429, headers: { 'retry-after': '7' } } },
    { count: 1, effect: { kind: 'answer', status: 502, body: '<html>', content_type: 'text/html' } },
    {
      count: 1,
      effect: {
        kind: 'answer',
        status: 503,
        body: { why: 1 },
        headers: { 'content-type': 'application/problem+json' },
      },
    },
    { count: 1, effect: { kind: 'answer', status: 204 } },
  )
  const limited = await ingest(simulator)
  expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7'])
  const html = await fetch(`${simulator.apiBase}/conversations`, { headers: { 'x-APIKey': 'demo-api-key' } })
  expect([html.status, html.headers.get('content-type'), await html.text()]).toEqual([502, 'text/html', '<html>'])
  const problem = await ingest(simulator)
  expect(problem).toMatchObject({ status: 503, json: { why: 1 } })
  expect(problem.headers.get('content-type')).toBe('application/problem+json')
  expect((await ingest(simulator)).status).toBe(204)
  expect(simulator.state.messages()).toEqual([])
  expect(simulator.state.mostInWindow()).toMatchObject({ most: 4, most_admitted: 0 })
  expect((await ingest(simulator)).status).toBe(200)
  expect(simulator.state.calls().map((call) => call.fault_id)).toEqual([
    'fault-1',
    'fault-2',
    'fault-3',
    'fault-4',
    null,
  ])
})

test('latency: late, and served even though the client has left', async () => {
  const simulator = await simulatorWith({ count: 2, effect: { kind: 'latency', ms: 60 } })
  const startedMs = performance.now()
  expect((await ingest(simulator)).status).toBe(200)
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(59)
  expect(await failure(ingest(simulator, { external_message_id: 'm2' }, { deadlineMs: 20 }))).toBe('TimeoutError')
  await until('the second', () => simulator.state.messages().length === 2)
  expect(simulator.state.calls()[1]).toMatchObject({ status: null, effect: 'accepted', latency_fault_ids: ['fault-1'] })
})

test('reset before: a reset, no effect, not counted; after: a reset, accepted, counted', async () => {
  const simulator = await simulatorWith(
    { count: 1, effect: { kind: 'reset', when: 'before' } },
    { count: 1, effect: { kind: 'reset', when: 'after' } },
  )
  expect(await failure(ingest(simulator))).toBe('ECONNRESET')
  expect(simulator.state.messages()).toEqual([])
  expect(await failure(ingest(simulator))).toBe('ECONNRESET')
  expect(simulator.state.messages()).toHaveLength(1)
  expect((await ingest(simulator)).status).toBe(200)
  expect(simulator.state.calls().map(({ status, effect }) => [status, effect])).toEqual([
    [null, 'none'],
    [null, 'accepted'],
    [200, 'duplicate'],
  ])
  expect(simulator.state.mostInWindow()).toMatchObject({ most: 3, most_admitted: 2 })
})

test('hang before and after: no answer; after its time the connection is gone', async () => {
  const simulator = await simulatorWith(
    { count: 1, effect: { kind: 'hang', when: 'before' } },
    { count: 1, effect: { kind: 'hang', when: 'after', ms: 30 } },
  )
  expect(await failure(ingest(simulator, {}, { deadlineMs: 50 }))).toBe('TimeoutError')
  expect(simulator.state.messages()).toEqual([])
  const startedMs = performance.now()
  expect(await failure(ingest(simulator))).toMatch(/^(UND_ERR_SOCKET|ECONNRESET)$/)
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(29)
  expect(simulator.state.messages()).toHaveLength(1)
  await until('both calls ended', () => simulator.state.calls().every((call) => call.ended_ms !== null))
  expect(simulator.state.calls().map((call) => call.status)).toEqual([null, null])
})

test('lose-creation: 200, never created; the next attempt with the same id is', async () => {
  const simulator = await simulatorWith({
    match: { external_conversation_id: 'c1' },
    count: 1,
    effect: { kind: 'lose-creation' },
  })
  expect((await ingest(simulator)).json).toEqual({ status: 'success' })
  await ingest(simulator, { external_message_id: 'm2', external_conversation_id: 'c2' })
  await until('the other one', () => simulator.state.messages()[1]?.state === 'created')
  expect(simulator.state.messages()[0]?.state).toBe('lost')
  await ingest(simulator)
  await until('the repeat', () => simulator.state.messages()[2]?.state === 'created')
  expect(simulator.state.snapshot().totals).toMatchObject({ accepted: 3, created: 2, lost: 1, duplicates: 0 })
})

test('break-off: a status and the first half of a body, also where characters are many bytes', async () => {
  const simulator = await simulatorWith()
  await ingest(simulator, { content: '漢'.repeat(500), consumer_name: '漢'.repeat(200) })
  await until('creation', () => simulator.state.messages()[0]?.state === 'created')
  simulator.state.addFault({ effect: { kind: 'break-off' } })
  for (const path of ['/messages?conversation_id=1', '/conversations']) {
    const response = await fetch(simulator.apiBase + path, { headers: { 'x-APIKey': 'demo-api-key' } })
    expect(response.status).toBe(200)
    expect(await failure(response.text())).not.toBe('none')
  }
  expect(await failure(ingest(simulator, { external_message_id: 'm2' }))).not.toBe('none')
  expect(simulator.state.messages()).toHaveLength(2)
})

test('faults after the effect spare refused requests, and leave them their answer', async () => {
  const simulator = await simulatorWith({ effect: { kind: 'reset', when: 'after' } })
  expect((await ingest(simulator, { content: 5 })).status).toBe(400)
  expect((await ingest(simulator, {}, { key: 'unknown' })).status).toBe(401)
})

test('for a business, for a time: others and later ones are served', async () => {
  const simulator = await simulatorWith({
    match: { business_id: '7' },
    for_ms: 80,
    effect: { kind: 'answer', status: 500 },
  })
  expect((await ingest(simulator)).status).toBe(500)
  expect((await ingest(simulator, { business_id: '8', external_message_id: 'm8' })).status).toBe(200)
  await until('its end', () => simulator.state.faults().length === 0)
  expect((await ingest(simulator)).status).toBe(200)
})

test('a request that waits when everything is forgotten belongs to what was forgotten', async () => {
  const simulator = await simulatorWith({ effect: { kind: 'latency', ms: 30 } })
  const waiting = failure(ingest(simulator))
  await until('its arrival', () => simulator.state.calls()[0]?.counted_ms != null)
  simulator.state.reset()
  expect(await waiting).not.toBe('none')
  expect((await ingest(simulator, { external_message_id: 'new' })).status).toBe(200)
  expect(simulator.state.messages().map((each) => each.external_message_id)).toEqual(['new'])
  expect(simulator.state.calls()).toHaveLength(1)
})

test('the record tells bodies, times and ids, also of what cannot be read', async () => {
  const simulator = await simulatorWith()
  await ingest(simulator)
  await ingest(simulator, {}, { body: '{ broken' })
  await ask(simulator, 'GET', '/conversations?per_page=5')
  await until('their ends', () => simulator.state.calls().every((call) => call.ended_ms !== null))
  const [first, second, third] = simulator.state.calls()
  expect(first).toMatchObject({
    n: 1,
    method: 'POST',
    path: '/v2/custom-channels/demo-channel/messages',
    org_id: 1,
    channel_id: 'demo-channel',
    business_id: '7',
    external_conversation_id: 'c1',
    external_message_id: 'm1',
    body: ingestBody(),
    status: 200,
    effect: 'accepted',
  })
  expect(first?.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  expect(first?.ended_ms).toBeGreaterThanOrEqual(first?.at_ms ?? Number.NaN)
  expect(second).toMatchObject({ body: '{ broken', status: 400, effect: 'none', business_id: null })
  expect(third).toMatchObject({ method: 'GET', path: '/v2/conversations', body: null, status: 200, channel_id: null })
})
