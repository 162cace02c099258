// Real: the simulator, its HTTP and event stream, the inbox page in a headless Chromium (playwright-core drives it), and
// the webhooks, delivered over HTTP. Doubled: the webhook's receiver, a small server that answers what the test wants.
// Failure: what a person at the page would call broken: a message that does not show, a reply that does not leave, a
// state that is not true, markup from a message, or a lost connection that the page hides or never recovers from.
//
// Without a browser these tests are reported as skipped; the group's name says why. CHROMIUM_PATH names a browser; else
// chromium, chromium-browser and google-chrome are looked for on PATH.

import { spawnSync } from 'node:child_process'
import { createPublicKey, verify } from 'node:crypto'
import { accessSync, constants, statSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Simulator, startSimulator } from './simulator.ts'

const browserNames = ['chromium', 'chromium-browser', 'google-chrome']
const browserArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
/** Starting a browser on a busy machine takes seconds. */
const launchDeadlineMs = 60_000
const testDeadlineMs = 30_000
const stepDeadlineMs = 15_000

type BrowserFound = { kind: 'found'; path: string } | { kind: 'none'; why: string }

/** Where a browser is. A CHROMIUM_PATH that names no program counts as none: it was meant. */
function findBrowser(env: Record<string, string | undefined>): BrowserFound {
  const named = env.CHROMIUM_PATH
  if (named !== undefined && named !== '') {
    return isProgram(named)
      ? { kind: 'found', path: named }
      : { kind: 'none', why: `CHROMIUM_PATH ${named} is no program` }
  }
  for (const name of browserNames) {
    for (const folder of (env.PATH ?? '').split(delimiter)) {
      if (folder !== '' && isProgram(join(folder, name))) return { kind: 'found', path: join(folder, name) }
    }
  }
  return { kind: 'none', why: `none of ${browserNames.join(', ')} is on PATH, and CHROMIUM_PATH is not set` }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

const found = findBrowser(process.env)

describe('looking for a browser', () => {
  test('a CHROMIUM_PATH that does not exist counts as none, whatever is on PATH', () => {
    const env = { CHROMIUM_PATH: '/nonexistent', PATH: process.env.PATH }
    expect(findBrowser(env)).toEqual({ kind: 'none', why: 'CHROMIUM_PATH /nonexistent is no program' })
  })

  test('nothing on PATH is none, with the names that were looked for', () => {
    const none = findBrowser({ PATH: join(import.meta.dirname, 'inbox') })
    expect(none.kind === 'none' && none.why).toContain('chromium, chromium-browser, google-chrome')
  })

  test('a CHROMIUM_PATH that exists wins', () => {
    expect(findBrowser({ CHROMIUM_PATH: process.execPath, PATH: '' })).toEqual({
      kind: 'found',
      path: process.execPath,
    })
  })

  // The run inside this run has the variable set, and leaves this test out.
  test.skipIf(process.env.CHROMIUM_PATH === '/nonexistent')(
    'without a browser a run passes, and reports the page tests as skipped with the reason',
    () => {
      const root = join(import.meta.dirname, '../../..')
      const run = spawnSync(
        process.execPath,
        [
          join(root, 'node_modules/vitest/vitest.mjs'),
          'run',
          '--project=unit',
          '--reporter=tap-flat',
          'tools/partoo-simulator/src/inbox.browser.test.ts',
        ],
        {
          cwd: root,
          env: { ...process.env, CHROMIUM_PATH: '/nonexistent' },
          encoding: 'utf8',
          timeout: launchDeadlineMs,
        },
      )
      expect(run.status, run.stderr).toBe(0)
      // TAP: one line a test, `ok 5 - …path > name # SKIP`.
      const ofPage = run.stdout.split('\n').filter((line) => line.includes('> inbox page'))
      expect(ofPage.length).toBeGreaterThan(0)
      for (const line of ofPage) {
        expect(line).toMatch(/^ok .*no browser: CHROMIUM_PATH \/nonexistent is no program.*# SKIP$/)
      }
    },
    launchDeadlineMs,
  )
})

const groupName = found.kind === 'found' ? 'inbox page' : `inbox page (skipped, no browser: ${found.why})`

describe.skipIf(found.kind === 'none')(groupName, { timeout: testDeadlineMs }, () => {
  let browser: Browser
  let page: Page
  let simulator: Simulator
  let receiver: Receiver
  /** Errors of the page's script; a connection that is refused is none. */
  let pageErrors: string[]

  beforeAll(async () => {
    if (found.kind === 'none') return
    browser = await chromium.launch({
      executablePath: found.path,
      headless: true,
      args: browserArguments,
      timeout: launchDeadlineMs,
    })
  }, launchDeadlineMs)

  afterAll(async () => {
    await browser?.close()
  })

  beforeEach(async () => {
    receiver = await startReceiver()
    simulator = await startSimulator({ creationDelayMs: 0 })
    simulator.state.setWebhooks([{ url: receiver.url, event_types: ['message_created'] }])
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
    page.setDefaultTimeout(stepDeadlineMs)
    pageErrors = []
    page.on('pageerror', (error) => pageErrors.push(error.message))
    page.on('dialog', (dialog) => {
      pageErrors.push(`a dialog opened: ${dialog.message()}`)
      dialog.dismiss().catch(() => {})
    })
    await page.goto(simulator.url)
    await page.getByText('Live', { exact: true }).waitFor()
  }, testDeadlineMs)

  afterEach(async () => {
    await page?.close()
    await simulator?.close()
    await receiver?.close()
    expect(pageErrors).toEqual([])
  })

  const item = (name: string) => page.getByRole('listitem').getByRole('button', { name })
  const message = (text: string) => page.locator('.message').filter({ hasText: text })

  test('an empty inbox says what to do next', async () => {
    await page.getByRole('heading', { name: 'Nothing has arrived yet' }).waitFor()
    await page.getByText('Produce a message to outbound-messages and it appears here.').waitFor()
    await page.getByText('npm run produce').waitFor()
  })

  test('an ingested message arrives live; a reply leaves with Enter and succeeds once its webhook was answered', async () => {
    await ingest(simulator, 'Is the terrace open?', { consumer_name: 'Ada Lovelace' })
    await item('Ada Lovelace').click()
    const asked = message('Is the terrace open?')
    await asked.getByText('Created').waitFor()
    expect(await asked.locator('.sender').textContent()).toBe('Ada Lovelace')

    const held = receiver.hold()
    const reply = page.getByLabel('Reply to Ada Lovelace')
    // Opening a conversation puts the cursor into the reply box.
    await page.locator('#reply:focus').waitFor()
    await page.keyboard.type('Yes, it is:')
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.type('from 10 to 18.')
    await page.keyboard.press('Enter')
    const answer = message('Yes, it is:')
    // The webhook is not answered yet.
    await answer.getByText('Sending').waitFor()
    expect(await reply.inputValue()).toBe('')
    expect(await answer.locator('.bubble').textContent()).toBe('Yes, it is:\nfrom 10 to 18.')
    held.answer()
    await answer.getByText('Success').waitFor()

    const sent = receiver.received.find(({ body }) => body.includes('from 10 to 18.'))
    if (sent === undefined) throw new Error('the webhook did not arrive')
    const event = JSON.parse(sent.body)
    expect(event).toMatchObject({
      type: 'message_created',
      payload: {
        message: { content: 'Yes, it is:\nfrom 10 to 18.', sender_type: 'User', status: 'Sending' },
        conversation: { consumer_name: 'Ada Lovelace' },
        org_id: 1,
      },
    })
    expect(event.payload.message.custom_channel).toEqual({
      channel_id: 'demo-channel',
      external_conversation_id: 'conversation-1',
      external_message_id: null,
    })
    const signature = Buffer.from(String(sent.headers['x-partoo-signature-v1']), 'base64')
    const key = createPublicKey(simulator.publicKeyPem)
    expect(verify(null, Buffer.from(sent.body), key, signature)).toBe(true)
  })

  test('the reply box has the height of a line at first, grows with its text, and shrinks again', async () => {
    await ingest(simulator, 'Hello?', { consumer_name: 'Ada Lovelace' })
    await item('Ada Lovelace').click()
    await page.locator('#reply:focus').waitFor()
    const heightPx = async () => (await page.locator('#reply').boundingBox())?.height ?? 0
    const atFirstPx = await heightPx()
    expect(atFirstPx).toBeGreaterThan(38)
    await page.locator('#reply').fill('one\ntwo\nthree')
    expect(await heightPx()).toBeGreaterThan(atFirstPx + 30)
    await page.keyboard.press('Enter')
    await message('three').waitFor()
    await expect.poll(heightPx).toBe(atFirstPx)
  })

  test('the button sends too, and a reply whose webhook is refused is shown as failed', async () => {
    receiver.status = 400
    await ingest(simulator, 'Hello?', {})
    await item('conversation-1').click()
    const send = page.getByRole('button', { name: 'Send' })
    expect(await send.isDisabled()).toBe(true)
    await page.getByLabel('Reply to conversation-1').fill('Nobody hears this.')
    await send.click()
    await message('Nobody hears this.').getByText('Failed').waitFor()
    await message('Nobody hears this.').getByText('the webhook was not delivered').waitFor()
  })

  test('unread messages are counted, reading them is noticed, duplicates are shown as ignored', async () => {
    await ingest(simulator, 'First', { consumer_name: 'Grace Hopper' })
    await ingest(simulator, 'Second', { external_message_id: 'message-2' })
    const counted = page.locator('.unread').getByText('2', { exact: true })
    await counted.waitFor()
    await item('Grace Hopper').press('Enter')
    await counted.waitFor({ state: 'hidden' })
    await ingest(simulator, 'Second', { external_message_id: 'message-2' })
    await message('Second').getByText('1 duplicate ignored').waitFor()
    expect(await page.locator('.message').count()).toBe(2)
  })

  test('the keyboard is enough: arrows move in the list, Enter opens, Escape goes back', async () => {
    await ingest(simulator, 'Older', { consumer_name: 'Ada Lovelace' })
    await item('Ada Lovelace').waitFor()
    const newer = { consumer_name: 'Grace Hopper', external_conversation_id: 'newer', external_message_id: 'newer-1' }
    await ingest(simulator, 'Newer', newer)
    await item('Grace Hopper').focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.locator('#reply:focus').waitFor()
    expect(await page.locator('#name').textContent()).toBe('Ada Lovelace')
    await page.keyboard.press('Escape')
    await page.locator('.item[aria-current="true"]:focus').waitFor()
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Grace Hopper' }).waitFor()
  })

  test('markup in a message, a name or an id is shown literally', async () => {
    const markup = '<img src=x onerror=alert(1)><script>alert(2)</script><b>bold</b> &amp;'
    await ingest(simulator, markup, {
      consumer_name: '<i>Mallory</i>',
      external_conversation_id: '<u>id</u>',
    })
    await item('<i>Mallory</i>').click()
    await page.locator('.bubble').waitFor()
    expect(await page.locator('.bubble').textContent()).toBe(markup)
    expect(await page.locator('#name').textContent()).toBe('<i>Mallory</i>')
    expect(await page.locator('#about').textContent()).toContain('<u>id</u>')
    for (const tag of ['#thread img', '#list img', '#app script', '#app b', '#app i', '#app u']) {
      expect(await page.locator(tag).count(), tag).toBe(0)
    }
  })

  test('a lost connection is said, a reply written meanwhile is kept, and the page recovers by itself', async () => {
    await ingest(simulator, 'Before', { consumer_name: 'Ada Lovelace' })
    await item('Ada Lovelace').click()
    const banner = page.getByText('Connection lost.')
    const reply = page.getByLabel('Reply to Ada Lovelace')
    await reply.waitFor()
    expect(await banner.isVisible()).toBe(false)

    const port = Number(new URL(simulator.url).port)
    await simulator.close()
    await banner.waitFor()
    await page.getByText('Offline', { exact: true }).waitFor()
    await reply.fill('Written while offline')
    await reply.press('Enter')
    await page.getByText('Not sent: the simulator does not answer.').waitFor()
    expect(await reply.inputValue()).toBe('Written while offline')

    simulator = await startSimulator({ port })
    await banner.waitFor({ state: 'hidden' })
    await page.getByText('Live', { exact: true }).waitFor()
    // The new one knows nothing of before: the page shows what is, and goes on living.
    await page.getByRole('heading', { name: 'Nothing has arrived yet' }).waitFor()
    await ingest(simulator, 'After', { consumer_name: 'Grace Hopper' })
    await item('Grace Hopper').waitFor()
  })

  test('with 10,000 messages the page stays bounded, and old ones are a button away', async () => {
    const organization = simulator.state.organizations.first()
    const channel = organization.channels.get('demo-channel')
    if (channel === undefined) throw new Error('the demo organization has its channel')
    // Half in one conversation, half in one of their own each; straight into the state, the rate limit aside.
    for (let n = 0; n < 10_000; n += 1) {
      const alone = n % 2 === 1
      const given = {
        ...ingested(`text ${n}`),
        external_message_id: `m-${n}`,
        consumer_name: null,
        consumer_image: null,
      }
      if (alone) given.external_conversation_id = `lonely-${n}`
      expect(simulator.state.ingest(organization, channel, given, false).kind).toBe('accepted')
    }
    await ingest(simulator, 'The last one', { external_message_id: 'last' })
    const live = item('The last one')
    await live.waitFor()
    expect(await page.locator('.item').count()).toBeLessThanOrEqual(200)
    await live.click()
    await message('The last one').getByText('Created').waitFor()
    for (let pages = 0; pages < 7; pages += 1) {
      const first = await page.locator('.message').first().getAttribute('data-message-id')
      await page.getByRole('button', { name: 'Show earlier messages' }).click()
      // Ids ascend: once the one before the first is there, the page before has been drawn.
      await page.locator(`.message:has(~ [data-message-id="${first}"])`).first().waitFor()
    }
    expect(await page.locator('.message').count()).toBe(300)
    await page.getByRole('button', { name: 'Newest messages' }).click()
    await message('The last one').waitFor()
    expect(await page.locator('.message').count()).toBeLessThanOrEqual(300)
  })
})

// ---- what the tests stand on -----------------------------------------------------------------------------------------

function ingested(content: string) {
  return {
    business_id: '42',
    external_conversation_id: 'conversation-1',
    external_message_id: 'message-1',
    content,
    sender_type: 'Consumer' as const,
  }
}

async function ingest(simulator: Simulator, content: string, more: Record<string, string>): Promise<void> {
  const response = await fetch(`${simulator.apiBase}/custom-channels/demo-channel/messages`, {
    method: 'POST',
    headers: { 'x-APIKey': 'demo-api-key', 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...ingested(content), ...more }),
    signal: AbortSignal.timeout(stepDeadlineMs),
  })
  expect(response.status).toBe(200)
}

type Receiver = {
  url: string
  received: { headers: IncomingHttpHeaders; body: string }[]
  /** What every webhook is answered. */
  status: number
  /** Webhooks that arrive from now on wait until `answer` is called. */
  hold(): { answer(): void }
  close(): Promise<void>
}

/** A small HTTP server where webhooks go. */
async function startReceiver(): Promise<Receiver> {
  let gate: Promise<void> = Promise.resolve()
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      receiver.received.push({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8') })
      void gate.then(() => response.writeHead(receiver.status).end())
    })
  })
  const receiver: Receiver = {
    url: '',
    received: [],
    status: 200,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return { answer: resolve }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`
  return receiver
}
