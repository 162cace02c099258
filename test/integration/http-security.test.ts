// Real: Kafka, both services as processes of their own, TLS with certificates of openssl, a proxy that speaks CONNECT. Doubled:
// Partoo, by the simulator behind the TLS; the name partoo.test, which only the proxy knows. Failure: a message shown to a
// server that is not believed, or that goes another way; a trouble that is not named in one line, ends the service, or outlasts its
// cause; verification that can be switched off; a key or a login in any output (also searched after the run: planted-secrets.ts).

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { Authority } from '../support/certificates.ts'
import type { TestOrganization } from '../support/channels-folder.ts'
import { Fleet } from '../support/fleet.ts'
import { HttpProxy } from '../support/http-proxy.ts'
import { json } from '../support/kafka.ts'
import { keepOutput } from '../support/kept-output.ts'
import { messageValue } from '../support/load.ts'
import type { ServiceProcess } from '../support/service.ts'
import { TlsFront } from '../support/tls-front.ts'
import { until } from '../support/wait.ts'

const login = 'bridge:planted-proxy-password'
const keys = { old: 'planted-old-key', fresh: 'planted-fresh-key' }
const impossible = Authority.isPossible ? '' : ' (not run: there is no openssl to make certificates with)'

let folder: string
let authority: Authority

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'http-security-'))
  if (impossible === '') authority = new Authority(folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function fleetOf(organizations?: TestOrganization[]): Promise<Fleet> {
  const options = { brokers: inject('kafkaBrokers'), limitPerMinute: 0, partitions: 1 }
  const fleet = await Fleet.start({ ...options, ...(organizations !== undefined && { organizations }) })
  onTestFinished(() => fleet.close())
  return fleet
}

/** TLS in front of a fleet's Partoo. */
async function frontOf({ simulator }: Fleet, files: { cert: string; key: string }) {
  const { port, pathname } = new URL(simulator.apiBase)
  const front = await TlsFront.start(Number(port), files)
  onTestFinished(() => front.close())
  return { front, local: `https://localhost:${front.port}${pathname}`, named: `https://partoo.test${pathname}` }
}

async function proxyTo(front: TlsFront | undefined): Promise<HttpProxy> {
  const proxy = await HttpProxy.start({ names: front === undefined ? {} : { 'partoo.test:443': front.port }, login })
  onTestFinished(() => proxy.close())
  return proxy
}

/** A message of a conversation of its own. */
function send(fleet: Fleet, id: string): Promise<void> {
  return fleet.kafka.produce(fleet.outbound, [{ key: id, value: messageValue(id, id) }])
}

/** Waits until each of these was created at Partoo, once. */
async function arrive(fleet: Fleet, ...ids: string[]): Promise<void> {
  const accepted = () => fleet.simulator.state.calls({ effect: 'accepted' }).map((call) => call.external_message_id)
  await until(`${ids.join()} at Partoo`, () => ids.every((id) => accepted().includes(id)), 60_000)
  expect(accepted().toSorted()).toEqual(ids.toSorted())
}

/** Waits until calls have ended so: their log lines. */
function attempts(ingestor: ServiceProcess, detail: string | RegExp, count = 1): Promise<Record<string, unknown>[]> {
  return until(`${count} attempts: ${detail}`, () => {
    const ended = ingestor.log.filter(({ msg }) => msg === 'attempt finished')
    const these = ended.filter((line) => String(line.detail ?? '').match(detail) !== null)
    return these.length >= count && these
  })
}

/** That its trouble did not end the service, nor told a secret, and that it ends in order. */
async function endsWell(ingestor: ServiceProcess): Promise<void> {
  expect(ingestor.running).toBe(true)
  expect((await ingestor.readiness()).status).toBe(200)
  await ingestor.metrics()
  expect(await ingestor.end()).toBe(0)
  expect(ingestor.output).not.toContain('planted')
  expect(ingestor.output).not.toContain(Buffer.from(login).toString('base64'))
}

describe.skipIf(impossible !== '')(`Partoo behind TLS${impossible}`, () => {
  test('a private authority in PARTOO_CA_FILE is believed; a wrong name and an expired certificate are not, until it is put right', async () => {
    const fleet = await fleetOf()
    const { front, local } = await frontOf(fleet, authority.sign('elsewhere', 2, 'DNS:elsewhere.test'))
    const ingestor = await fleet.add({ PARTOO_BASE_URL: local, PARTOO_CA_FILE: authority.file })
    await ingestor.ready()
    await send(fleet, 'to-a-wrong-name')
    const wrongName = await attempts(ingestor, /ERR_TLS_CERT_ALTNAME_INVALID/, 2)
    expect(wrongName[0]).toMatchObject({
      outcome: 'unavailable',
      detail: expect.stringContaining("the server's certificate is not one that is believed here"),
    })
    front.renew(authority.sign('partoo-expired', -1))
    await send(fleet, 'to-one-that-expired')
    await attempts(ingestor, /CERT_HAS_EXPIRED/)
    // Nobody was shown anything.
    expect(fleet.simulator.state.calls()).toEqual([])
    front.renew(authority.sign('partoo'))
    await arrive(fleet, 'to-a-wrong-name', 'to-one-that-expired')
    const { names, group } = fleet.topics
    const receipts = await until('their receipts', async () => {
      const read = await fleet.kafka.readAll(names.receipts, group('receipts'))
      return read.length >= 2 && read.map(json)
    })
    expect(receipts.map(({ status }) => status)).toEqual(['accepted', 'accepted'])
    await endsWell(ingestor)
  })

  test('without PARTOO_CA_FILE a private authority is not believed; another one in the file neither, until it is the right one', async () => {
    const fleet = await fleetOf()
    const { local } = await frontOf(fleet, authority.sign('partoo-2'))
    const stranger = new Authority(folder, 'stranger')
    const caFile = join(folder, 'believed.pem')
    writeFileSync(caFile, readFileSync(stranger.file))
    const without = await fleet.add({ PARTOO_BASE_URL: local })
    await without.ready()
    await send(fleet, 'to-a-stranger')
    const refused = /^connection failed \([A-Z_]+\): the server's certificate is not one that is believed here$/
    await attempts(without, refused, 2)
    await endsWell(without)
    const withFile = await fleet.add({ PARTOO_BASE_URL: local, PARTOO_CA_FILE: caFile })
    await attempts(withFile, refused)
    expect(fleet.simulator.state.calls()).toEqual([])
    writeFileSync(caFile, readFileSync(authority.file))
    await arrive(fleet, 'to-a-stranger')
    await endsWell(withFile)
  })

  test('through a proxy: 407, then the right login in its file; 502, then through; it sees neither key nor text', async () => {
    const fleet = await fleetOf()
    const { front, named } = await frontOf(fleet, authority.sign('partoo-3', 2, 'DNS:partoo.test'))
    const proxy = await proxyTo(front)
    const proxyFile = join(folder, 'proxy')
    writeFileSync(proxyFile, `http://bridge:planted-wrong@127.0.0.1:${proxy.port}\n`)
    const ingestor = await fleet.add({
      PARTOO_BASE_URL: named,
      PARTOO_CA_FILE: authority.file,
      HTTPS_PROXY_FILE: proxyFile,
    })
    await ingestor.ready()
    await send(fleet, 'through-407')
    const shown = `the proxy http://127.0.0.1:${proxy.port}`
    const [first] = await attempts(ingestor, `${shown} answered 407 to CONNECT: it asks for a login`)
    expect(first).toMatchObject({ outcome: 'misdirected', status: 407 })
    const suspension = await until('the suspension told', () =>
      ingestor.log.find(({ scope }) => scope === 'credential'),
    )
    expect(suspension.check).toContain('HTTPS_PROXY')
    expect(fleet.simulator.state.calls()).toEqual([])
    writeFileSync(proxyFile, `http://${login}@127.0.0.1:${proxy.port}\n`)
    await arrive(fleet, 'through-407')

    proxy.refuses = 502
    proxy.cut()
    await send(fleet, 'through-502')
    const [second] = await attempts(ingestor, `${shown} answered 502 to CONNECT`)
    expect(second).toMatchObject({ outcome: 'unavailable' })
    proxy.refuses = null
    await arrive(fleet, 'through-407', 'through-502')
    expect(new Set(proxy.asked.map((line) => line.replace(/ → .*/, '')))).toEqual(new Set(['CONNECT partoo.test:443']))
    expect(Buffer.concat(proxy.seen).length).toBeGreaterThan(0)
    expect(Buffer.concat(proxy.seen).includes('planted')).toBe(false)
    await endsWell(ingestor)
  })

  test('NO_PROXY and this machine itself go past the proxy', async () => {
    const fleet = await fleetOf()
    const { front, local, named } = await frontOf(fleet, authority.sign('partoo-4', 2, 'DNS:partoo.test,DNS:localhost'))
    const proxy = await proxyTo(front)
    const env = { HTTPS_PROXY: `http://${login}@127.0.0.1:${proxy.port}`, PARTOO_CA_FILE: authority.file }
    const past = await fleet.add({ ...env, PARTOO_BASE_URL: named, NO_PROXY: '10.0.0.0/8,partoo.test' })
    await past.ready()
    await send(fleet, 'past-the-proxy')
    // Nobody but the proxy knows the name.
    await attempts(past, /^connection failed \((ENOTFOUND|EAI_AGAIN)\)$/)
    await endsWell(past)
    const itself = await fleet.add({ ...env, PARTOO_BASE_URL: local })
    await arrive(fleet, 'past-the-proxy')
    expect(proxy.asked).toEqual([])
    await endsWell(itself)
  })
})

test('a revoked key that is replaced in its file lifts the suspension, without a restart', async () => {
  const organization = { orgId: 7, apiKey: keys.old, otherKeys: [keys.fresh], limitPerMinute: 0, channels: ['chat'] }
  const inChannelsFile = await fleetOf([organization])
  const byVariable = await fleetOf([organization])
  const keyFile = join(folder, 'api-key')
  writeFileSync(keyFile, `${keys.old}\n`)
  const byVariables = {
    PARTOO_CHANNELS_FILE: '',
    PARTOO_API_KEY_FILE: keyFile,
    PARTOO_CHANNEL_ID: 'chat',
    PARTOO_ORG_ID: '7',
    PARTOO_RATE_LIMIT_PER_MINUTE: '0',
  }
  const replicas = [await inChannelsFile.add(), await byVariable.add(byVariables)] as const
  const fleets = [inChannelsFile, byVariable]
  await Promise.all(
    fleets.map(async (fleet, i) => {
      const ingestor = replicas[i] as ServiceProcess
      await ingestor.ready()
      await send(fleet, 'before')
      await arrive(fleet, 'before')
      fleet.simulator.state.changeOrganization(7, { revoke_keys: [keys.old] })
      await send(fleet, 'while-revoked')
      const told = await until('the suspension told', () => ingestor.log.find(({ scope }) => scope === 'credential'))
      expect(told).toMatchObject({ level: 'warn', status: 401, check: expect.stringContaining('API key') })
      expect(await fleet.gauge(ingestor, 'partoo_suspended', 'credential')).toBe(1)
      writeFileSync(fleet === inChannelsFile ? fleet.keyFile(7) : keyFile, `${keys.fresh}\n`)
      await arrive(fleet, 'before', 'while-revoked')
      await until('the end of it told', () =>
        ingestor.log.some(({ msg }) => msg === 'credential not suspended any more'),
      )
      await endsWell(ingestor)
    }),
  )
})

test.each(['ingestor', 'webhook-gateway'])(
  '%s: NODE_TLS_REJECT_UNAUTHORIZED=0 is refused, exit 78',
  async (service) => {
    const main = join(import.meta.dirname, '../../services', service, 'src/main.ts')
    const env = {
      KAFKA_BROKERS: '127.0.0.1:1',
      PARTOO_API_KEY: keys.old,
      PARTOO_CHANNEL_ID: 'chat',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    }
    const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH, ...env }, timeout: 30_000 })
    keepOutput(child, service)
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text) => (said += text))
    const code = await new Promise((resolve) => child.on('close', (exit, signal) => resolve(exit ?? signal)))
    expect(code).toBe(78)
    expect(said).toMatch(/NODE_TLS_REJECT_UNAUTHORIZED=0 would believe any server.*: remove it/)
  },
)
