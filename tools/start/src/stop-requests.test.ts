// Real: how requests to end are told apart. Doubled: the process (an emitter) and the clock.
// Failure: a forwarded copy of one Ctrl-C that counts as a second one, or a second one that does not.

import { EventEmitter } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { listenForStop } from './stop-requests.ts'

function listen() {
  const emitter = new EventEmitter()
  let nowMs = 5_000
  const process = Object.assign(emitter, { env: {}, ppid: 1 }) as unknown as NodeJS.Process
  const requests = listenForStop(process, () => nowMs)
  onTestFinished(requests.dispose)
  const at = (ms: number, signal: string): void => {
    nowMs = 5_000 + ms
    emitter.emit(signal)
  }
  return { requests, at, emitter }
}

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('%s asks for an orderly end', (signal) => {
  const { requests, at } = listen()
  expect(requests.orderly.aborted).toBe(false)
  at(0, signal)
  expect(requests.orderly.aborted).toBe(true)
  expect(requests.atOnce.aborted).toBe(false)
})

test('what comes within a second is the same request', () => {
  const { requests, at } = listen()
  at(0, 'SIGINT')
  at(1, 'SIGINT')
  at(999, 'SIGTERM')
  expect(requests.atOnce.aborted).toBe(false)
  at(1_000, 'SIGINT')
  expect(requests.atOnce.aborted).toBe(true)
})

test('afterwards nothing listens any more', () => {
  const { requests, emitter } = listen()
  requests.dispose()
  expect(emitter.eventNames()).toEqual([])
})
