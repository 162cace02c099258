// Shows that the simulation finds what it is for: plants each mutant of mutants.ts into a copy of the code, and a seed must
// fail there. Prints a table of mutant, oracle and seed; exit code 1 if one is not caught, or its text is gone.
//
//   npm run test:mutants                  all of them, seeds 1 to 400 at most
//   npm run test:mutants -- share         those whose name contains this

import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Mutant, mutants } from './mutants.ts'

type Result =
  | { kind: 'caught'; oracle: string; seed: string; message: string }
  | { kind: 'missed' }
  | { kind: 'late' }
  | { kind: 'gone'; found: number }

const seedsMax = 400
const deadlineMs = 600_000
const root = join(import.meta.dirname, '..', '..')

/** Puts a mutant's fault into a text; the number of places where it was found, if that is not one. */
export function plant({ search, replace }: Mutant, text: string): string | number {
  const parts = text.split(search)
  return parts.length === 2 ? parts.join(replace) : parts.length - 1
}

/** A copy of what the simulation runs, in which the workspace's own packages are the copied ones. */
function copyRepository(to: string): void {
  const isWanted = (source: string) => !source.endsWith('node_modules')
  for (const folder of ['libs', 'services/ingestor', 'test/sim']) {
    cpSync(join(root, folder), join(to, folder), { recursive: true, filter: isWanted })
  }
  for (const file of ['package.json', 'tsconfig.json']) cpSync(join(root, file), join(to, file))
  const modules = join(to, 'node_modules')
  mkdirSync(join(modules, '@bridge'), { recursive: true })
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@bridge') symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  for (const name of readdirSync(join(to, 'libs'))) {
    symlinkSync(join(to, 'libs', name), join(modules, '@bridge', name))
  }
  symlinkSync(join(to, 'services', 'ingestor'), join(modules, '@bridge', 'ingestor'))
}

async function simulateWith(mutant: Mutant): Promise<Result> {
  const copy = mkdtempSync(join(tmpdir(), 'mutant-'))
  try {
    copyRepository(copy)
    const file = join(copy, mutant.file)
    const planted = plant(mutant, readFileSync(file, 'utf8'))
    if (typeof planted === 'number') return { kind: 'gone', found: planted }
    writeFileSync(file, planted)
    return await run(join(copy, 'test', 'sim', 'main.ts'))
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

async function run(simulation: string): Promise<Result> {
  const args = [simulation, '--seeds', String(seedsMax), '--workers', '1']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  running.add(child)
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (some) => {
    text += some
  })
  let isLate = false
  const late = setTimeout(() => {
    isLate = true
    child.kill('SIGKILL')
  }, deadlineMs)
  await new Promise((ended) => child.on('close', ended))
  clearTimeout(late)
  running.delete(child)
  if (isLate) return { kind: 'late' }
  const failure = /^seed (\d+): ([^:]+): (.*?)(?: \(npm run sim .*)?$/m.exec(text)
  if (failure === null) return { kind: 'missed' }
  const [, seed = '', oracle = '', message = ''] = failure
  return { kind: 'caught', oracle, seed, message }
}

function tell(name: string, result: Result): void {
  const line = () => {
    switch (result.kind) {
      case 'caught':
        return `${result.oracle.padEnd(16)} seed ${result.seed.padStart(3)}  ${result.message}`
      case 'missed':
        return `NOT CAUGHT by seeds 1 to ${seedsMax}`
      case 'late':
        return `NOT CAUGHT within ${deadlineMs / 1_000} s`
      case 'gone':
        return `GONE: its text is found ${result.found} times, not once`
    }
  }
  if (result.kind !== 'caught') process.exitCode = 1
  process.stdout.write(`${name.padEnd(44)} ${line()}\n`)
}

const running = new Set<ReturnType<typeof spawn>>()

async function testAll(wanted: string): Promise<void> {
  const left = mutants.filter(({ name }) => name.includes(wanted))
  if (left.length === 0) {
    process.stderr.write(`no mutant's name contains "${wanted}"\n`)
    process.exitCode = 2
  }
  const work = async () => {
    for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
      const result = await simulateWith(mutant)
      if (process.exitCode !== 130) tell(mutant.name, result)
    }
  }
  process.once('SIGINT', () => {
    process.exitCode = 130
    left.length = 0
    for (const child of running) child.kill('SIGKILL')
  })
  await Promise.all(Array.from({ length: availableParallelism() }, work))
}

if (import.meta.main) await testAll(process.argv[2] ?? '')
