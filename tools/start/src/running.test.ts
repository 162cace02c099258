// Real: the files, in a temporary folder, and process ids. Doubled: nothing.
// Failure: a start that is gone found, the wrong one of several, START_KAFKA_BROKERS passed over.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { topicNames } from '@bridge/local-kafka/topics'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { announceRunning, findKafka, findRunning } from './running.ts'

const goneProcess = 2 ** 22 + 1
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'running-test-'))
  const made = folder
  onTestFinished(() => rmSync(made, { recursive: true }))
})

const mine = { brokers: '127.0.0.1:9093', topics: topicNames('start-1-'), inbox: 'http://127.0.0.1:8090/' }

function announceOther(pid: number, startedAt: string, brokers: string): void {
  mkdirSync(folder, { recursive: true })
  const running = { pid, startedAt, brokers, topics: topicNames(), inbox: '' }
  writeFileSync(join(folder, `${pid}.json`), JSON.stringify(running))
}

test('a start is found while it runs', () => {
  expect(findKafka({}, folder)).toMatchObject({ kind: 'none', why: expect.stringContaining('npm start') })
  const withdraw = announceRunning(mine, folder)
  expect(findKafka({}, folder)).toEqual({ kind: 'found', brokers: mine.brokers, topics: mine.topics })
  withdraw()
  expect(findKafka({}, folder)).toMatchObject({ kind: 'none' })
})

test('of several the last one is found, and the others once that has ended', () => {
  announceOther(process.ppid, '2026-01-01T00:00:00.000Z', 'before:9092')
  const withdraw = announceRunning(mine, folder)
  expect(findRunning(folder)?.brokers).toBe(mine.brokers)
  withdraw()
  expect(findRunning(folder)?.brokers).toBe('before:9092')
})

test('one whose process is gone is not found, and cleared away by the next', () => {
  announceOther(goneProcess, '2030-01-01T00:00:00.000Z', 'gone:9092')
  expect(findRunning(folder)).toBeUndefined()
  announceRunning(mine, folder)
  expect(readdirSync(folder)).toEqual([`${process.pid}.json`])
})

test('START_KAFKA_BROKERS wins, with the topics of the start that uses the same Kafka', () => {
  announceRunning(mine, folder)
  const env = { START_KAFKA_BROKERS: ' elsewhere:9092 ', KAFKA_BROKERS: 'production:9092' }
  expect(findKafka(env, folder)).toEqual({ kind: 'found', brokers: 'elsewhere:9092', topics: topicNames() })
  expect(findKafka({ START_KAFKA_BROKERS: mine.brokers }, folder)).toMatchObject({ topics: mine.topics })
})
