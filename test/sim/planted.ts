// Shows that the simulation finds what it is for: each patch in test/sim/planted puts one fault into a copy of the core, and
// a seed must fail there. Prints a table of fault, oracle and seed; exit code 1 if one is not caught or does not apply.
//
//   node test/sim/planted.ts               all of them, seeds 1 to 250 at most
//   node test/sim/planted.ts a-name        those whose name contains this

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Caught = { kind: 'caught'; oracle: string; seed: string; message: string }
type Result = Caught | { kind: 'missed' } | { kind: 'not applied'; why: string }

const seedsMax = 250
const deadlineMs = 180_000
const root = join(import.meta.dirname, '..', '..')
const patches = join(import.meta.dirname, 'planted')

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

function simulateWith(patch: string): Result {
  const copy = mkdtempSync(join(tmpdir(), 'planted-'))
  try {
    copyRepository(copy)
    const applied = spawnSync('git', ['apply', join(patches, patch)], { cwd: copy, encoding: 'utf8' })
    if (applied.status !== 0) return { kind: 'not applied', why: applied.stderr.trim() }
    const simulation = join(copy, 'test', 'sim', 'simulation.ts')
    const run = spawnSync(process.execPath, [simulation, '1', String(seedsMax)], {
      encoding: 'utf8',
      timeout: deadlineMs,
      maxBuffer: 64 << 20,
    })
    const failure = /^seed (\d+): ([^:]+): (.*?)(?: \(SIM_SEED=.*)?$/m.exec(run.stdout)
    if (failure === null) return { kind: 'missed' }
    const [, seed = '', oracle = '', message = ''] = failure
    return { kind: 'caught', oracle, seed, message }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

const [wanted = ''] = process.argv.slice(2)
for (const patch of readdirSync(patches).sort()) {
  if (!patch.endsWith('.patch') || !patch.includes(wanted)) continue
  const result = simulateWith(patch)
  const name = patch.replace('.patch', '').padEnd(30)
  switch (result.kind) {
    case 'caught':
      process.stdout.write(`${name} ${result.oracle.padEnd(16)} seed ${result.seed.padStart(3)}  ${result.message}\n`)
      break
    case 'missed':
      process.stdout.write(`${name} NOT CAUGHT by seeds 1 to ${seedsMax}\n`)
      process.exitCode = 1
      break
    case 'not applied':
      process.stdout.write(`${name} DOES NOT APPLY: ${result.why}\n`)
      process.exitCode = 1
      break
    default:
      result satisfies never
  }
}
