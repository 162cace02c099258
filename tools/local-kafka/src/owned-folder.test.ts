// Real: sh, the folder, the owner's process. Doubled: nothing. Failure: a folder left behind, or gone too early.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test, vi } from 'vitest'
import { makeOwnedFolder } from './owned-folder.ts'

test('a folder is there until it is removed, with what is in it', async () => {
  const folder = await makeOwnedFolder('owned-folder-')
  writeFileSync(join(folder.path, 'file'), 'x')
  expect(existsSync(dirname(folder.path))).toBe(true)
  await folder.remove()
  expect(existsSync(folder.path)).toBe(false)
  await folder.remove()
})

test('an owner that is killed takes its folder with it', async () => {
  const script = `
    import { makeOwnedFolder } from ${JSON.stringify(resolve(import.meta.dirname, 'owned-folder.ts'))}
    console.log((await makeOwnedFolder('owned-folder-')).path)
    setInterval(() => {}, 1000)`
  const owner = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void owner.kill('SIGKILL'))
  const [path] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string]
  expect(existsSync(path)).toBe(true)
  owner.kill('SIGKILL')
  await vi.waitFor(() => expect(existsSync(path)).toBe(false), { timeout: 5_000, interval: 20 })
})
