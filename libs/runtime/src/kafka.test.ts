// Real: kafkajs, TLS on loopback. Doubled: the broker, which nobody gets as far as. Failure: a broker that is believed without proof.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Authority } from '../../../test/support/certificates.ts'
import { TlsFront } from '../../../test/support/tls-front.ts'
import { createKafka } from './kafka.ts'
import { kafkaErrorLine } from './kafka-errors.ts'

test.skipIf(!Authority.isPossible)('the environment cannot switch verification off (needs openssl)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const front = await TlsFront.start(1, new Authority(folder).sign('broker'))
  onTestFinished(() => front.close())
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
  onTestFinished(() => void vi.unstubAllEnvs())
  const connection = { brokers: [`localhost:${front.port}`], clientId: 'test', tls: {}, sasl: undefined }
  const patience = { connectionTimeoutMs: 3_000, requestTimeoutMs: 3_000, retries: 0 }
  const admin = createKafka(connection, pino({ level: 'silent' }), patience).admin()
  const error = await admin.connect().catch((failure: unknown) => failure)
  expect(kafkaErrorLine(error)).toContain('KAFKA_TLS_CA_FILE')
})
