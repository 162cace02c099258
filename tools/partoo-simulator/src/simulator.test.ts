// Real: the simulator in this process, and in processes of their own under plain node. Doubled: nothing. Failure: options
// that are taken although wrong, a handle that is left, a process that does not end, or ends with another exit code.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { keepOutput } from '../../../test/support/kept-output.ts'
import { startSimulator } from './simulator.ts'
import { ask, simulatorForTest, until } from './test-world.ts'

const main = join(import.meta.dirname, 'main.ts')

/** A node process with only these variables. `end` waits for its exit, 8 s at most. */
function run(args: string[], env: Record<string, string> = {}) {
  const child: ChildProcess = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  keepOutput(child, 'simulator')
  const said = { out: '', err: '' }
  child.stdout?.on('data', (chunk) => (said.out += chunk))
  child.stderr?.on('data', (chunk) => (said.err += chunk))
  const ended = once(child, 'close')
  onTestFinished(() => {
    if (child.exitCode === null) child.kill('SIGKILL')
  })
  const end = async () => {
    const deadline = setTimeout(() => child.kill('SIGKILL'), 8_000)
    const [code, signal] = await ended
    clearTimeout(deadline)
    return { code: code ?? signal, ...said }
  }
  return { child, said, end }
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'simulator-test-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

test('options left out have defaults; wrong ones are refused with every problem', async () => {
  const simulator = await simulatorForTest()
  expect(simulator.apiBase).toBe(`${simulator.url}/v2`)
  expect((await ask(simulator, 'GET', '/_control/state')).json).toMatchObject({ organizations: [{ org_id: 1 }] })
  await expect(startSimulator({ creationDelayMs: -1, callsMax: 0 })).rejects.toThrow(/creationDelayMs.*; callsMax/)
  await expect(startSimulator({ organizations: [] })).rejects.toThrow('organizations')
  await expect(startSimulator({ port: Number(new URL(simulator.url).port) })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  })
})

test('the same seed signs with the same key', async () => {
  const [one, two] = [await simulatorForTest({ signingSeed: 'a' }), await simulatorForTest({ signingSeed: 'a' })]
  const three = await simulatorForTest({ signingSeed: 'b' })
  expect(one.publicKeyPem).toBe(two.publicKeyPem)
  expect(one.publicKeyPem).not.toBe(three.publicKeyPem)
})

test('close() leaves nothing: hangs, latencies, creations, retries, deliveries and event streams end, the process too', async () => {
  const script = join(folder(), 'script.ts')
  const source = (name: string) => JSON.stringify(join(import.meta.dirname, name))
  writeFileSync(
    script,
    `import { createServer } from 'node:http'
import { setTimeout as tick } from 'node:timers/promises'
import { startSimulator } from ${source('simulator.ts')}
const receiver = createServer((request, response) => { if (request.url === '/bad') response.writeHead(503).end() })
await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve))
const hooks = 'http://127.0.0.1:' + receiver.address().port
const simulator = await startSimulator({ creationDelayMs: 600_000, webhookRetryBaseMs: 600_000, webhookTimeoutMs: 600_000 })
const { state } = simulator
state.setWebhooks([{ url: hooks + '/bad', event_types: ['message_created'] }, { url: hooks + '/hang', event_types: ['x'] }])
const body = (n) => ({ method: 'POST', headers: { 'x-APIKey': 'demo-api-key', 'Content-Type': 'application/json' },
  body: JSON.stringify({ business_id: String(n), external_conversation_id: 'c', external_message_id: 'm' + n, content: 'x', sender_type: 'User' }) })
const url = simulator.apiBase + '/custom-channels/demo-channel/messages'
await (await fetch(url, body(0))).text()
state.addFault({ match: { business_id: '1' }, effect: { kind: 'hang', when: 'before' } })
state.addFault({ match: { business_id: '2' }, effect: { kind: 'hang', when: 'after' } })
state.addFault({ match: { business_id: '3' }, effect: { kind: 'latency', ms: 600_000 } })
const left = [1, 2, 3].map((n) => fetch(url, body(n)).then(() => 'answered', () => 'gone'))
const events = await fetch(simulator.url + '/_control/events')
state.foreignMessage({ content: 'retried' })
state.sendWebhook({ event_type: 'x' })
const wait = async (holds) => { while (!holds()) await tick(2) }
await wait(() => state.calls().length === 4 && state.webhookAttempts().length === 1)
await wait(() => state.calls().filter((call) => call.fault_id !== null || call.latency_fault_ids.length > 0).length === 3)
const startedMs = performance.now()
await Promise.all([simulator.close(), simulator.close()])
receiver.closeAllConnections()
receiver.close()
console.log((await Promise.all(left)).join(' '), await events.text().then(() => 'ended', () => 'cut'), performance.now() - startedMs < 2_000)
`,
  )
  const { code, out, err } = await run([script]).end()
  expect({ code, out, err }).toEqual({
    code: 0,
    out: expect.stringMatching(/^gone gone gone (ended|cut) true\n$/),
    err: '',
  })
})

test('main: --help and --public-key print and end with 0', async () => {
  const [help, key, unknown] = await Promise.all([
    run([main, '--help']).end(),
    run([main, '--public-key']).end(),
    run([main, '--public-key', '--hepl']).end(),
  ])
  expect(help).toMatchObject({ code: 0, err: '', out: expect.stringContaining('SIMULATOR_PORT') })
  expect(key).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^-----BEGIN PUBLIC KEY-----/) })
  expect(unknown).toMatchObject({ code: 64, out: '', err: expect.stringContaining('--hepl') })
})

test('main: every problem of the configuration at once, exit 78', async () => {
  const file = join(folder(), 'simulator.json')
  writeFileSync(file, JSON.stringify({ businessIdAs: 'roman', organisations: [] }))
  const { code, err, out } = await run([main], {
    SIMULATOR_PORT: 'eighty',
    SIMULATOR_CONFIG_FILE: file,
    SIMULATOR_WEBHOOK_URL: 'nowhere',
    SIMULATOR_RATE_LIMIT_PER_MINUTE: '-5',
    SIMULATOR_RATE_LIMIT_KIND: 'leaky',
    SIMULATOR_CUSTOM_CHANNEL_ON: 'top',
  }).end()
  expect([code, out]).toEqual([78, ''])
  for (const word of [
    'SIMULATOR_PORT',
    'businessIdAs',
    'organisations',
    'SIMULATOR_WEBHOOK_URL',
    'PER_MINUTE',
    '_KIND',
    '_ON',
  ]) {
    expect(err).toContain(word)
  }
  expect(err).not.toContain('    at ')
  for (const [name, content] of [
    ['broken.json', '{'],
    ['list.json', '[]'],
  ] as const) {
    const wrong = join(folder(), name)
    writeFileSync(wrong, content)
    expect(await run([main], { SIMULATOR_CONFIG_FILE: wrong }).end()).toMatchObject({
      code: 78,
      err: expect.stringContaining(name),
    })
  }
})

test('main: serves with the file and the variables, ends with 0 on SIGTERM although a client waits', async () => {
  const file = join(folder(), 'simulator.json')
  writeFileSync(
    file,
    JSON.stringify({
      customChannelOn: 'message',
      organizations: [
        {
          org_id: 9,
          name: 'Nine',
          api_keys: [{ key: 'k', role: 'PROVIDER' }],
          channels: [{ channel_id: 'nine', name: 'Nine' }],
        },
      ],
    }),
  )
  const started = run([main], {
    SIMULATOR_PORT: '0',
    SIMULATOR_CONFIG_FILE: file,
    SIMULATOR_RATE_LIMIT_PER_MINUTE: '5',
  })
  await until('its lines', () => started.said.out.includes('organization 9 (Nine): nine; no webhook'), 8_000)
  const url = /inbox +(http:\S+)\//.exec(started.said.out)?.[1] ?? ''
  const state = await (await fetch(`${url}/_control/state`)).json()
  expect(state).toMatchObject({ organizations: [{ org_id: 9, rate_limit_per_minute: 5 }] })
  await fetch(`${url}/_control/faults`, {
    method: 'POST',
    body: JSON.stringify({ effect: { kind: 'hang', when: 'before' } }),
  })
  const waiting = fetch(`${url}/v2/conversations`, { headers: { 'x-APIKey': 'k' } }).catch(() => 'gone')
  const seen = async () => /"calls":1,/.test(await (await fetch(`${url}/_control/state`)).text())
  await until('its arrival', seen)
  started.child.kill('SIGTERM')
  expect(await started.end()).toMatchObject({ code: 0, err: '' })
  expect(await waiting).toBe('gone')
})

test('main: a port that is taken is said in a sentence, exit 1', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  onTestFinished(() => void holder.close())
  const { port } = holder.address() as AddressInfo
  const { code, err, out } = await run([main], { SIMULATOR_PORT: String(port) }).end()
  expect([code, out]).toEqual([1, ''])
  expect(err).toBe(
    `partoo-simulator: port ${port} on 127.0.0.1 is taken by another program: stop that one, or set SIMULATOR_PORT to a free port\n`,
  )
})
