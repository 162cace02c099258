// Real: the whole tool in this process, HTTP to a simulated Partoo and to the metrics of a gateway. Doubled: Partoo, by the
// simulator; the gateway, by a server that checks the secret as the gateway does and counts in the gateway's own metrics; the
// terminal. Failure: a change that was not asked for or not agreed to, another exit code, the key or a secret in the output.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { demoOrganization, type OrganizationOptions } from '@bridge/partoo-simulator/options'
import { type Simulator, startSimulator } from '@bridge/partoo-simulator/simulator'
import { createMetrics } from '@bridge/webhook-gateway/metrics'
import { expect, onTestFinished, test } from 'vitest'
import type { Ask } from './ask.ts'
import { runWebhooks } from './run.ts'

const apiKey = 'planted-key/1'
const secret = 'planted-secret/2'
const older = 'planted-older-3'
const planted = /planted|%2F2/

const url = 'http://bridge.example/webhooks/partoo'
const ours = `${url}/${encodeURIComponent(secret)}`
const crm = 'http://crm.example/hooks/in'

type World = {
  simulator: Simulator
  /** Runs the tool with these words and variables; everything it says is checked for what was planted. */
  run(line: string, env?: NodeJS.ProcessEnv, ask?: Ask): Promise<{ code: number; out: string; err: string }>
  /** `event type → address` of everything that is configured. */
  configured(): Record<string, string>
  configure(addresses: Record<string, string>): void
}

async function world(differences: Partial<OrganizationOptions> = {}): Promise<World> {
  const api_keys = [{ key: apiKey, role: 'ORG_ADMIN' }]
  const simulator = await startSimulator({
    organizations: [{ ...demoOrganization, rate_limit_per_minute: 0, api_keys, ...differences }],
    webhookTimeoutMs: 2_000,
  })
  onTestFinished(() => simulator.close())
  const usual = { PARTOO_BASE_URL: simulator.apiBase, PARTOO_API_KEY: apiKey, WEBHOOK_SECRET: secret }
  const nobody: Ask = async () => 'nobody'
  return {
    simulator,
    async run(line, env = {}, ask = nobody) {
      const said = { out: '', err: '' }
      const code = await runWebhooks({
        args: line.split(' '),
        env: { ...usual, ...env },
        ask,
        output: {
          line(text = '') {
            said.out += `${text}\n`
          },
          error(text) {
            said.err += `${text}\n`
          },
          paint: (_, text) => text,
        },
      })
      expect(said.out + said.err).not.toMatch(planted)
      return { code, ...said }
    },
    configured() {
      const { webhooks } = simulator.state.snapshot().organizations[0]!
      return Object.fromEntries(webhooks.map((each) => [each.event_type, each.url]))
    },
    configure(addresses) {
      const webhooks = Object.entries(addresses).map(([type, address]) => ({ url: address, event_types: [type] }))
      simulator.state.setWebhooks(webhooks)
    },
  }
}

const both = { message_created: ours, message_updated: ours }

test('list: every configuration with its masked address, all pages of it', async () => {
  const { run, configure } = await world()
  expect(await run('list')).toMatchObject({ code: 0, out: expect.stringContaining('No webhook is configured.') })
  configure({ message_created: ours, message_updated: `${url}/${older}`, lead_received: `${crm}/?token=${older}` })
  const { code, out, err } = await run('list')
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(
    /message_created +http:\/\/bridge\.example\/webhooks\/partoo\/\*\*\* \(with WEBHOOK_SECRET\) +organization 1 +since \d{4}/,
  )
  expect(out).toMatch(/message_updated +http:\/\/bridge\.example\/webhooks\/partoo\/\*\*\* +organization/)
  expect(out).toMatch(/lead_received +http:\/\/crm\.example\/hooks\/in\/\?token=\*\*\*/)
  expect(out).toContain('3 configured.')
})

test('subscribe: tells, creates, and the second time there is nothing to do', async () => {
  const { simulator, run, configured } = await world()
  const dry = await run(`subscribe --url ${url} --dry-run`)
  expect(dry).toMatchObject({
    code: 0,
    out: expect.stringMatching(/\+ message_created +create: .*\*\*\*\n[\s\S]*Dry run/),
  })
  expect(configured()).toEqual({})
  expect(await run(`subscribe --url ${url}`)).toMatchObject({ code: 0, out: expect.stringContaining('Done.') })
  expect(configured()).toEqual(both)
  const calls = simulator.state.calls().length
  expect(await run(`subscribe --url ${url}`)).toMatchObject({ code: 0, out: expect.stringContaining('Nothing to do.') })
  expect(await run(`subscribe --url ${ours}`)).toMatchObject({
    code: 0,
    out: expect.stringContaining('Nothing to do.'),
  })
  expect(simulator.state.calls().length - calls).toBe(2)
  expect(simulator.state.calls().every((call) => call.path === '/v2/webhooks')).toBe(true)
  await run(`subscribe --url ${url} --events lead_received`)
  expect(configured()).toEqual({ ...both, lead_received: ours })
})

test('subscribe: what goes elsewhere is changed after a yes only, and without one nothing at all is done', async () => {
  const { run, configured, configure } = await world()
  const before = { message_updated: crm, lead_received: crm }
  configure(before)
  const refused = await run(`subscribe --url ${url}`)
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('--yes') })
  expect(refused.out).toContain('another address is there, id 1: http://crm.example/hooks/in\n')
  const questions: string[] = []
  const no: Ask = async (question) => {
    questions.push(question)
    return 'no'
  }
  expect(await run(`subscribe --url ${url}`, {}, no)).toMatchObject({ code: 1, err: 'Nothing was changed.\n' })
  expect(questions).toEqual([expect.stringContaining('message_updated')])
  expect(await run(`subscribe --url ${url} --yes --dry-run`)).toMatchObject({ code: 0 })
  expect(configured()).toEqual(before)
  expect(await run(`subscribe --url ${url}`, {}, async () => 'yes')).toMatchObject({ code: 0 })
  expect(configured()).toEqual({ ...both, lead_received: crm })
  configure({ message_created: `${url}/${older}`, message_updated: ours })
  const rotated = await run(`subscribe --url ${url} --yes`)
  expect(rotated).toMatchObject({ code: 0, out: expect.stringContaining('another secret?') })
  expect(rotated.out).toContain('= message_updated   right already')
  expect(configured()).toEqual(both)
})

test('unsubscribe: what points to the address, with or without the secret; the rest only with --all and a yes', async () => {
  const { run, configured, configure } = await world()
  const before = { message_created: ours, message_updated: `${url}/${older}`, lead_received: ours }
  configure(before)
  const dry = await run(`unsubscribe --url ${url} --dry-run`)
  expect(dry).toMatchObject({ code: 0, out: expect.stringMatching(/- message_created +remove id 1: /) })
  expect(configured()).toEqual(before)
  const some = await run(`unsubscribe --url ${url}`)
  expect(some).toMatchObject({
    code: 0,
    out: expect.stringMatching(/= message_updated +points elsewhere and stays, id 2/),
  })
  expect(configured()).toEqual({ message_updated: `${url}/${older}`, lead_received: ours })
  expect(await run(`unsubscribe --url ${url}`)).toMatchObject({
    code: 0,
    out: expect.stringContaining('Nothing to do.'),
  })
  expect(await run('unsubscribe --all')).toMatchObject({ code: 1, err: expect.stringContaining('--yes') })
  expect(configured()).toEqual({ message_updated: `${url}/${older}`, lead_received: ours })
  expect(await run('unsubscribe --all --yes')).toMatchObject({ code: 0 })
  expect(configured()).toEqual({ lead_received: ours })
  configure({ message_created: url })
  expect(await run(`unsubscribe --url ${url}`)).toMatchObject({ code: 0 })
  expect(configured()).toEqual({})
})

/** A gateway as far as a test delivery goes: the secret, and the counters. */
async function gateway() {
  const metrics = createMetrics()
  const tryouts = metrics.registry.getSingleMetric('partoo_webhook_tryouts_total') as unknown as { inc(): void }
  const server = createServer(async (request, response) => {
    if (request.url === '/metrics') {
      response.end(await metrics.registry.metrics())
      return
    }
    const isKnown = request.url === `/webhooks/partoo/${encodeURIComponent(secret)}`
    if (!isKnown) metrics.unproven('secret')
    else if (request.headers['x-partoo-webhook-tryout'] !== undefined) tryouts.inc()
    response.writeHead(isKnown ? 200 : 401).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { address: `${at}/webhooks/partoo`, options: `--metrics-url ${at}/metrics --wait 0.3` }
}

test('test: arrived is what the gateway counted, at the address that is configured or given', async () => {
  const { simulator, run, configure } = await world()
  const { address, options } = await gateway()
  expect(await run(`test ${options}`)).toMatchObject({ code: 1, err: expect.stringContaining('Not subscribed') })
  const dry = await run(`test ${options} --url ${address} --dry-run`)
  expect(dry).toMatchObject({ code: 0, out: expect.stringContaining('would ask for a test delivery') })
  expect(simulator.state.webhookAttempts()).toEqual([])
  const given = await run(`test ${options} --url ${address}`)
  expect(given).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/✓ message_updated +arrived/) })
  configure({ message_created: `${address}/${encodeURIComponent(secret)}`, message_updated: `${address}/${older}` })
  const configured = await run(`test ${options}`)
  expect(configured.code).toBe(1)
  expect(configured.out).toMatch(/✓ message_created +arrived/)
  expect(configured.out).toMatch(/✗ message_updated +not arrived within 0\.3 s\. .*compare WEBHOOK_SECRET/)
  expect(configured.out).toMatch(/Partoo answered 200: .*"status_code":401/)
})

test('test: where the metrics cannot be read it is said, and what Partoo answered is shown', async () => {
  const { run } = await world()
  const { address } = await gateway()
  const { code, out } = await run(`test --url ${address} --metrics-url ${address}/metrics --events message_created`)
  expect(code).toBe(1)
  expect(out).toMatch(/The gateway's metrics at .* are answered with HTTP 401/)
  expect(out).toMatch(/Partoo answered 200: \{"items":\[\{"url":"[^"]*\*\*\*"/)
})

test('test: without an answer of Partoo the gateway is asked all the same', async () => {
  const { simulator, run } = await world()
  const { address, options } = await gateway()
  simulator.state.addFault({ count: 1, effect: { kind: 'reset', when: 'after' } })
  const { code, out, err } = await run(`test ${options} --url ${address} --events message_created`)
  expect(code).toBe(0)
  expect(err).toContain('connection failed')
  expect(out).toMatch(/✓ message_created +arrived/)
  simulator.state.addFault({ count: 1, effect: { kind: 'answer', status: 403 } })
  expect(await run(`test ${options} --url ${address}`)).toMatchObject({
    code: 1,
    err: expect.stringContaining('rights'),
  })
  expect(simulator.state.calls({ status: 403 })).toHaveLength(1)
})

test.each([
  [401, {}, /PARTOO_API_KEY.*ORG_ADMIN or PROVIDER/],
  [403, {}, /ORG_ADMIN or PROVIDER rights; a PROVIDER key needs PARTOO_ORG_ID/],
  [404, {}, /ends with \/v2/],
  [400, {}, /Partoo refuses it \(400\)/],
  [500, {}, /HTTP 500/],
  [302, {}, /not Partoo's API \(302: a redirect was answered\)/],
  [429, { 'Retry-After': '1800' }, /Try again at \d\d:\d\d:\d\d, in 1800 s/],
] as const)('Partoo answers %d: exit 1, and what to do next', async (status, headers, advice) => {
  const { simulator, run, configured } = await world()
  const told = { errors: { seen: apiKey, url: ours } }
  simulator.state.addFault({ effect: { kind: 'answer', status, headers, body: told } })
  for (const line of ['list', `subscribe --url ${url}`, `unsubscribe --url ${url}`, `test --url ${url}`]) {
    const { code, err } = await run(line)
    expect([line, code]).toEqual([line, 1])
    expect(err).toMatch(advice)
  }
  expect(configured()).toEqual({})
})

test('a change whose answer is lost is told, and the next run does the rest', async () => {
  const { simulator, run, configured, configure } = await world()
  configure({ message_updated: crm })
  // Asked between the list and the changes: the first of them takes effect without an answer.
  const yes: Ask = async () => {
    simulator.state.addFault({ count: 1, effect: { kind: 'reset', when: 'after' } })
    return 'yes'
  }
  const broken = await run(`subscribe --url ${url}`, {}, yes)
  expect(broken).toMatchObject({
    code: 1,
    err: expect.stringMatching(/Could not subscribe message_created.*run `list`/),
  })
  expect(configured()).toEqual({ message_created: ours, message_updated: crm })
  expect(await run(`subscribe --url ${url} --yes`)).toMatchObject({ code: 0 })
  expect(configured()).toEqual(both)
})

test('one polite wait after a 429 is told', async () => {
  const { simulator, run } = await world()
  simulator.state.addFault({ count: 1, effect: { kind: 'answer', status: 429, headers: { 'Retry-After': '1' } } })
  expect(await run('list')).toMatchObject({ code: 0, out: expect.stringContaining('asks to wait for 1 s') })
})

test('an organization: sent where it is set; nothing of another one is ever changed', async () => {
  const { run, configured, configure } = await world({ api_keys: [{ key: apiKey, role: 'PROVIDER' }] })
  configure({ message_created: crm })
  expect(await run('list')).toMatchObject({ code: 1, err: expect.stringContaining('PARTOO_ORG_ID') })
  expect(await run('list', { PARTOO_ORG_ID: '1' })).toMatchObject({ code: 0 })
  expect(await run('list', { PARTOO_ORG_ID: '2' })).toMatchObject({ code: 1, err: expect.stringContaining('(403)') })
  expect(await run(`subscribe --url ${url} --yes`, { PARTOO_ORG_ID: '1' })).toMatchObject({ code: 0 })
  expect(configured()).toEqual(both)
})

test.each([
  ['2', [{ org_id: 1 }], /organization 1, and PARTOO_ORG_ID is 2/],
  ['', [{ org_id: 1 }, { org_id: 2 }], /several organizations \(1, 2\)/],
])('PARTOO_ORG_ID "%s", and Partoo shows %j: told, nothing changed', async (PARTOO_ORG_ID, items, why) => {
  const { simulator, run } = await world()
  const item = { url: crm, event_type: 'message_created' }
  const body = { page: 1, max_page: 1, count: 1, items: items.map((each, n) => ({ ...item, id: 7 + n, ...each })) }
  simulator.state.addFault({ effect: { kind: 'answer', status: 200, body } })
  for (const line of [`subscribe --url ${url} --yes`, 'unsubscribe --all --yes', 'test']) {
    expect(await run(line, { PARTOO_ORG_ID })).toMatchObject({ code: 1, err: expect.stringMatching(why) })
  }
  expect(await run('list', { PARTOO_ORG_ID })).toMatchObject({ code: 0, err: expect.stringMatching(why) })
  expect(simulator.state.calls().every((call) => call.method === 'GET')).toBe(true)
})

test('what Partoo took and does not show is no success', async () => {
  const { simulator, run, configure } = await world()
  configure({ message_created: ours })
  const body = { id: 1, items: [{ id: 1, url: crm, event_type: 'message_created' }], event_type: 'x', url: crm }
  simulator.state.addFault({ effect: { kind: 'answer', status: 200, body } })
  expect(await run(`subscribe --url ${url} --yes`)).toMatchObject({
    code: 1,
    out: expect.stringContaining('does not show it'),
  })
  expect(await run('unsubscribe --all --yes')).toMatchObject({
    code: 1,
    out: expect.stringContaining('is still there'),
  })
})

test('what a terminal would obey is taken out, wherever it came from', async () => {
  const { simulator, run } = await world()
  const evil = '\u001b[2J\u009b\u202e'
  const items = [{ id: `${evil}1`, url: crm, event_type: `x${evil}`, org_id: `1${evil}`, updated_at: evil }]
  simulator.state.addFault({ effect: { kind: 'answer', status: 200, body: { max_page: 1, items } } })
  const { code, out, err } = await run('list', { PARTOO_ORG_ID: '9' })
  expect(code).toBe(0)
  for (const character of evil.replaceAll(/[[2J]/g, '')) expect(out + err).not.toContain(character)
})

test('an http address is for a simulated Partoo only; wrong settings are told all at once', async () => {
  const { run } = await world()
  const real = { PARTOO_BASE_URL: '' }
  expect(await run(`subscribe --url ${url}`, real)).toMatchObject({ code: 64, err: expect.stringContaining('https') })
  const wrong = await run('list', {
    PARTOO_API_KEY: 'planted key',
    WEBHOOK_SECRET: '..',
    PARTOO_ENVIRONMENT: 'planted',
  })
  expect(wrong.code).toBe(78)
  for (const name of ['PARTOO_API_KEY', 'WEBHOOK_SECRET', 'PARTOO_ENVIRONMENT'])
    expect(wrong.err).toContain(`  ${name} `)
})
