// Real: the gateway's own metrics, over HTTP. Doubled: the gateway around them. Failure: an arrival that is not seen, or one
// that was none; a page that is no gateway's and is taken for one; a call that rejects or does not end.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMetrics } from '@bridge/webhook-gateway/metrics'
import { expect, onTestFinished, test } from 'vitest'
import { grownBy, growth, readGatewayMetrics } from './gateway-metrics.ts'

async function page(answer: Parameters<typeof createServer>[1]): Promise<{ url: string; server: Server }> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`, server }
}

test('the page of a gateway: its counter of test deliveries, and what else grew', async () => {
  const metrics = createMetrics()
  const { url } = await page(async (_, response) => void response.end(await metrics.registry.metrics()))
  const before = await readGatewayMetrics(url, 2_000)
  metrics.unproven('secret')
  metrics.answered('401')
  const counter = metrics.registry.getSingleMetric('partoo_webhook_tryouts_total') as unknown as { inc(): void }
  counter.inc()
  const after = await readGatewayMetrics(url, 2_000)
  if (before.kind !== 'read' || after.kind !== 'read') throw new Error('not read')
  expect([before.tryouts, after.tryouts]).toEqual([0, 1])
  expect([...growth(before.telling, after.telling)]).toEqual([
    ['partoo_webhook_requests_total{answer="401"}', 1],
    ['partoo_webhook_unproven_total{cause="secret"}', 1],
  ])
})

test('with labels, with exponents, among other lines', async () => {
  const text = [
    '# HELP partoo_webhook_tryouts_total 7',
    'partoo_webhook_tryouts_total{replica="a"} 1e1',
    'partoo_webhook_tryouts_total{replica="b"} 2 1700000000000',
    'partoo_webhook_tryouts_total_other 5',
  ].join('\n')
  const { url } = await page((_, response) => void response.end(text))
  expect(await readGatewayMetrics(url, 2_000)).toMatchObject({ kind: 'read', tryouts: 12 })
})

test('a counter that fell began anew', () => {
  expect([grownBy(3, 5), grownBy(3, 3), grownBy(3, 1), grownBy(3, 0)]).toEqual([2, 0, 1, 0])
})

test('what is no page of a gateway, and why', async () => {
  const other = await page((_, response) => void response.end('partoo_in_flight 1\n'))
  expect(await readGatewayMetrics(other.url, 2_000)).toMatchObject({
    why: expect.stringContaining('hold no partoo_webhook'),
  })
  const redirect = await page((_, response) => void response.writeHead(302, { location: other.url }).end())
  expect(await readGatewayMetrics(redirect.url, 2_000)).toMatchObject({ why: 'are answered with HTTP 302' })
  const silent = await page(() => {})
  expect(await readGatewayMetrics(silent.url, 50)).toMatchObject({ why: 'cannot be read (no answer in time)' })
  const slow = await page((_, response) => void response.write('partoo_webhook_tryouts_total 1\n'))
  expect(await readGatewayMetrics(slow.url, 50)).toMatchObject({ why: 'cannot be read (no answer in time)' })
  expect(await readGatewayMetrics('http://127.0.0.1:1/metrics', 2_000)).toMatchObject({ kind: 'unknown' })
})
