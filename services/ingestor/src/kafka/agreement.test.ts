// Real: how replicas compare their settings. Doubled: nothing. Failure: a difference not named, or told where there is none.

import { expect, test } from 'vitest'
import { differences, digestOfSettings } from './agreement.ts'

const decision = { epoch: 1, owner: null, partitions: 6 }

function wish(settings: unknown, mode: 'single' | 'spread' = 'single') {
  return { mode, settings: digestOfSettings(JSON.stringify(settings)) }
}

test('what differs is named, and nothing else is told of it', () => {
  const here = wish({ topics: ['t'], burst: 20, organizations: [['acme', 300]] })
  const there = wish({ burst: 30, topics: ['t'], more: 1, organizations: [['acme', 600]] }, 'spread')
  expect(differences(here, { ...decision, ...there }).sort()).toEqual(['assignment', 'burst', 'more', 'organizations'])
  expect(here.settings).toMatch(/^burst=[0-9a-f]{8} organizations=[0-9a-f]{8} topics=[0-9a-f]{8}$/)
})

test('the same settings in another order, or a group that tells none, do not differ', () => {
  const here = wish({ burst: 20, topics: ['t'] })
  expect(differences(here, { ...decision, ...wish({ topics: ['t'], burst: 20 }) })).toEqual([])
  expect(differences(here, { ...decision, mode: 'single', settings: '' })).toEqual([])
})

test('a text that is no object is one setting', () => {
  const there = { mode: 'single', settings: digestOfSettings('b c') } as const
  expect(differences({ mode: 'single', settings: digestOfSettings('a') }, { ...decision, ...there })).toEqual([
    'settings',
  ])
})
