// Runs a TypeScript entry, or a tool from node_modules/.bin, under Node 24, on a machine that may only have Node 20.
//
//   node tools/launch.mjs tools/start/src/main.ts [arguments]
//   node tools/launch.mjs vitest run --project unit
//
// Plain JavaScript on purpose: it is the one file that an older Node has to read. It owns two facts: which Node runs the
// project (this one from 24 on, else the one that `npx -p node@24` brings), and whether the dependencies are installed
// (a stamp in node_modules that names the lock file they came from). Both are checked in milliseconds once they hold.

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const nodeMajor = 24
const local = join(root, '.local')
const nodePathFile = join(local, `node-${nodeMajor}`)
const stampFile = join(root, 'node_modules', '.installed-from')

/** The exit code a shell gives a process ended by a signal: 128 + its number. */
const signalExitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

/** @param {string} text one line for the person at the terminal; standard error, so that pipes stay clean */
function say(text) {
  process.stderr.write(`${text}\n`)
}

/** @param {string} text what is wrong and what to do next */
function fail(text) {
  say(text)
  process.exit(1)
}

/** Answers the path of a Node of at least `nodeMajor`, bringing it from the npm registry when this one is older. */
function findNode() {
  const major = Number(process.versions.node.split('.')[0])
  if (major >= nodeMajor) return process.execPath
  if (major < 20) {
    fail(`This project needs Node 20 or newer to start (it brings Node ${nodeMajor} itself); this is ${process.version}.`)
  }
  if (existsSync(nodePathFile)) {
    const known = readFileSync(nodePathFile, 'utf8').trim()
    if (existsSync(known)) return known
  }
  say(`Node ${nodeMajor} is needed and this is ${process.version}: bringing it from the npm registry (once)…`)
  const found = spawnSync('npx', ['--yes', '--package', `node@${nodeMajor}`, '--', 'node', '-p', 'process.execPath'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const path = found.stdout?.trim()
  if (found.signal) process.exit(signalExitCodes[found.signal] ?? 1)
  if (found.status !== 0 || !path) {
    fail(
      `Node ${nodeMajor} could not be brought with npx. Install Node ${nodeMajor} (https://nodejs.org), or let npm reach its registry.`,
    )
  }
  mkdirSync(local, { recursive: true })
  writeFileSync(nodePathFile, `${path}\n`)
  return path
}

/** Names what the dependencies are installed from; a change in it means that they must be installed again. */
function fingerprint() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} `)
  for (const file of ['package.json', 'package-lock.json']) {
    const path = join(root, file)
    if (existsSync(path)) hash.update(readFileSync(path))
  }
  return hash.digest('hex')
}

/** Installs the dependencies unless the stamp says that they are there. @param {NodeJS.ProcessEnv} env */
function install(env) {
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === fingerprint()) return
  say('Installing dependencies (npm install)…')
  rmSync(stampFile, { force: true })
  // `install`, not `ci`: a registry that serves only this machine's platform packages leaves gaps in the lock file that
  // `ci` refuses. `install` keeps the locked versions all the same.
  const done = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', '--progress=true'], {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (done.signal) process.exit(signalExitCodes[done.signal] ?? 1)
  if (done.status !== 0) fail('npm install failed: see its message above. Run the same command again once it is mended.')
  writeFileSync(stampFile, fingerprint())
}

const [target, ...args] = process.argv.slice(2)
if (!target) fail('usage: node tools/launch.mjs <file.ts | tool> [arguments]')

const node = findNode()
const env = {
  ...process.env,
  PATH: [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH].join(process.platform === 'win32' ? ';' : ':'),
}
install(env)

const entry = target.endsWith('.ts') ? resolve(root, target) : join(root, 'node_modules', '.bin', target)
const child = spawn(node, [entry, ...args], { env, stdio: 'inherit' })
// A Ctrl-C reaches the child by itself, as the terminal signals the whole group; a signal sent to this process alone does
// not, and is passed on. Twice is fine: what runs below stops once.
for (const signal of Object.keys(signalExitCodes)) process.on(signal, () => child.kill(signal))
child.on('error', (error) => fail(`${target} could not be started: ${error.message}`))
child.on('exit', (code, signal) => process.exit(signal ? (signalExitCodes[signal] ?? 1) : (code ?? 1)))
