// Real: sh, the supervisor and the programs below it. Doubled: nothing.
// Failure: a program that outlives its owner or its stop, a folder left behind, an exit code lost.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test, vi } from 'vitest'
import { describeExit, isAlive, startOwned } from './owned-process.ts'

const soon = { timeout: 5_000, interval: 20 }

test('a program that ends by itself: its exit code, and its folder is gone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'owned-process-'))
  const program = startOwned('sh', ['-c', 'exit 7'], { removeAtEnd: folder })
  expect(await program.exited).toEqual({ code: 7 })
  expect(existsSync(folder)).toBe(false)
  await program.stop()
})

test('a program that does not exist: 127', async () => {
  const program = startOwned('no-such-program-anywhere', [])
  expect(await program.exited).toEqual({ code: 127 })
})

test('stop ends a program that ignores SIGTERM, and removes its folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'owned-process-'))
  const program = startOwned('sh', ['-c', 'trap "" TERM; echo $$; while :; do sleep 1; done'], {
    stdout: 'pipe',
    removeAtEnd: folder,
  })
  const pid = await firstLine(program)
  await program.stop()
  expect(isAlive(pid)).toBe(false)
  expect(existsSync(folder)).toBe(false)
  await program.stop()
})

test('terminate lets a program end in its own time and with its own code', async () => {
  const program = startOwned('sh', ['-c', 'trap "exit 3" TERM; echo $$; while :; do sleep 0.05; done'], {
    stdout: 'pipe',
  })
  await firstLine(program)
  program.terminate()
  expect(await program.exited).toEqual({ code: 3 })
})

test('a supervisor killed by hand takes the program with it', async () => {
  const program = startOwned('sh', ['-c', 'echo $$; exec sleep 60'], { stdout: 'pipe' })
  const pid = await firstLine(program)
  process.kill(program.pid, 'SIGKILL')
  expect(await program.exited).toEqual({ code: null })
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), soon)
})

test('an owner that is killed takes the program with it', async () => {
  const module = resolve(import.meta.dirname, 'owned-process.ts')
  const script = `
    import { startOwned } from ${JSON.stringify(module)}
    const program = startOwned('sh', ['-c', 'echo $$; exec sleep 60'], { stdout: 'pipe' })
    program.stdout.pipe(process.stdout)`
  const owner = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void owner.kill('SIGKILL'))
  const pid = await firstLine(owner)
  expect(isAlive(pid)).toBe(true)
  owner.kill('SIGKILL')
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), soon)
})

test('exit codes in words', () => {
  expect(describeExit(1)).toBe('exit code 1')
  expect(describeExit(143)).toBe('SIGTERM')
  expect(describeExit(null)).toBe('SIGKILL')
})

/** Answers the process id that a program prints as its first line. */
async function firstLine(program: { stdout: ChildProcess['stdout'] }): Promise<number> {
  if (!program.stdout) throw new Error('no pipe')
  const [line] = await once(createInterface({ input: program.stdout }), 'line')
  return Number(line)
}
