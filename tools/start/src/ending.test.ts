// Real: the end of a start. Doubled: what was opened. Failure: another order than last opened first, a hanging or failing
// one that keeps the others open, one that hangs in closing and is not killed.

import { expect, test } from 'vitest'
import { Ending } from './ending.ts'

test('the first reason counts', async () => {
  const ending = new Ending()
  ending.end({ kind: 'failed', why: 'first' })
  ending.end({ kind: 'asked' })
  expect(ending.signal.aborted).toBe(true)
  expect(await ending.reason).toEqual({ kind: 'failed', why: 'first' })
})

test('last opened, first closed; one that fails keeps no other open', async () => {
  const ending = new Ending()
  const closed: string[] = []
  for (const name of ['Kafka', 'simulator', 'services']) {
    const close = async (): Promise<void> => {
      closed.push(name)
      if (name === 'simulator') throw new Error('cannot')
    }
    ending.opened({ close })
  }
  await ending.closeAll()
  expect(closed).toEqual(['services', 'simulator', 'Kafka'])
})

test('what hangs in closing is killed, with what is not closed yet', async () => {
  const ending = new Ending()
  const killed: string[] = []
  ending.opened({ close: async () => void killed.push('Kafka') })
  ending.opened({ close: () => new Promise(() => {}), kill: async () => void killed.push('services') })
  void ending.closeAll()
  await ending.killAll()
  expect(killed).toEqual(['Kafka', 'services'])
})
