// Runs a TypeScript entry, or a tool from node_modules/.bin, under Node 24, on a machine that may only have Node 20.
//
//   node tools/launch.mjs tools/start/src/main.ts [arguments]
//   node tools/launch.mjs vitest run --project unit
//
// Plain JavaScript on purpose: it is the one file that an older Node has to read. It owns two facts: which Node runs the
// project (this one from 24 on, else the one that `npx -p node@24` brings), and whether the dependencies are installed
// (a stamp in node_modules that names the lock file they came from). Both are checked in milliseconds once they hold.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const nodeMajor = 24
const local = join(root, '.local')
const nodePathFile = join(local, `node-${nodeMajor}`)
const stampFile = join(root, 'node_modules', '.installed-from')
const installingFile = join(local, 'installing')
/** Longer than an install may take on a slow line. */
const installDeadlineMs = 900_000

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

/** The process that runs now, which signals are passed on to. @type {import('node:child_process').ChildProcess | undefined} */
let child
/** @type {NodeJS.Signals | undefined} */
let asked

/** Passes a signal on. Twice is fine: what runs below stops once. @param {NodeJS.Signals} signal */
function passOn(signal) {
  asked = signal
  child?.kill(signal)
}

// A Ctrl-C reaches the child by itself, as the terminal signals the whole group; a signal sent to this process alone does
// not. What ends npm, or a shell between npm and this process, may not reach it at all: then its parent is another one.
for (const signal of /** @type {NodeJS.Signals[]} */ (Object.keys(signalExitCodes))) process.on(signal, passOn)
const parent = process.ppid
const watch = setInterval(() => {
  if (process.ppid === parent) return
  clearInterval(watch)
  passOn('SIGTERM')
}, 250)
if (process.env.npm_lifecycle_event === undefined) clearInterval(watch)

/**
 * Runs a command to its end. Where a signal ended it, or came meanwhile, this process ends too, unless `last`.
 * @param {string} command @param {string[]} args @param {import('node:child_process').SpawnOptions & { last?: boolean }} options
 * @returns {Promise<{ code: number, output: string }>} 128 + its number for a signal; `output` where stdout is piped
 */
async function run(command, args, { last = false, ...options }) {
  if (asked) process.exit(signalExitCodes[asked])
  const started = spawn(command, args, { cwd: root, ...options })
  child = started
  let output = ''
  started.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  const code = await new Promise((ended) => {
    started.on('error', (error) => {
      say(`${command} could not be started: ${error.message}`)
      ended(127)
    })
    started.on('close', (exitCode, signal) => ended(signal ? (signalExitCodes[signal] ?? 1) : (exitCode ?? 1)))
  })
  child = undefined
  if (asked && !last) process.exit(signalExitCodes[asked])
  return { code, output }
}

/** Answers the path of a Node of at least `nodeMajor`, bringing it from the npm registry when this one is older. */
async function findNode() {
  const major = Number(process.versions.node.split('.')[0])
  if (major >= nodeMajor) return process.execPath
  if (major < 20) {
    fail(
      `This project needs Node 20 or newer to start (it brings Node ${nodeMajor} itself); this is ${process.version}.`,
    )
  }
  if (existsSync(nodePathFile)) {
    const known = readFileSync(nodePathFile, 'utf8').trim()
    if (existsSync(known)) return known
  }
  say(`Node ${nodeMajor} is needed and this is ${process.version}: bringing it from the npm registry (once)…`)
  const question = 'process.versions.node + " " + process.execPath'
  const npx = ['--yes', '--ignore-scripts=false', '--package', `node@${nodeMajor}`, '--', 'node', '-p', question]
  const { code, output } = await run('npx', npx, { stdio: ['ignore', 'pipe', 'inherit'] })
  // Where the package's install script may not run, the Node that answers is the old one again.
  const [, version, path = ''] = /^(\d+)\S* (.+)$/.exec(output.trim()) ?? []
  if (code !== 0 || Number(version) < nodeMajor || !path) {
    fail(
      `Node ${nodeMajor} could not be brought with npx. Install Node ${nodeMajor} (https://nodejs.org), or let npm reach its registry and run install scripts.`,
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

function isInstalled() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === fingerprint()
}

/** Installs the dependencies unless the stamp says that they are there. @param {NodeJS.ProcessEnv} env */
async function install(env) {
  if (isInstalled()) return
  await claimInstalling()
  process.on('exit', () => rmSync(installingFile, { force: true }))
  if (isInstalled()) return
  say('Installing dependencies (npm install)…')
  rmSync(stampFile, { force: true })
  // `install`, not `ci`: a registry that serves only this machine's platform packages leaves gaps in the lock file that
  // `ci` refuses. `install` keeps the locked versions all the same.
  // No install script is needed: what the packages carry is enough.
  const npm = ['install', '--ignore-scripts', '--loglevel=error', '--progress=true']
  const { code } = await run('npm', npm, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  if (code !== 0) fail('npm install failed: see its message above. Run the same command again once it is mended.')
  writeFileSync(stampFile, fingerprint())
  rmSync(installingFile, { force: true })
}

/** Two `npm install` at once in one folder break each other: the second waits for the first, while that one lives. */
async function claimInstalling() {
  mkdirSync(local, { recursive: true })
  const endMs = performance.now() + installDeadlineMs
  for (let said = false; ; said = true) {
    if (asked) process.exit(signalExitCodes[asked])
    try {
      writeFileSync(installingFile, String(process.pid), { flag: 'wx' })
      return
    } catch {
      if (!isAlive(readOwner())) {
        rmSync(installingFile, { force: true })
        continue
      }
    }
    if (performance.now() > endMs)
      fail(`Another npm install in this folder does not end: remove ${installingFile} if none runs.`)
    if (!said) say('Waiting for another npm install in this folder…')
    await pause(200)
  }
}

function readOwner() {
  try {
    return Number(readFileSync(installingFile, 'utf8'))
  } catch {
    return 0
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch {
    return false
  }
}

const [target, ...args] = process.argv.slice(2)
if (!target) fail('usage: node tools/launch.mjs <file.ts | tool> [arguments]')

const node = await findNode()
const env = {
  ...process.env,
  PATH: [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH].join(':'),
  LAUNCHER_PID: String(process.pid),
}
await install(env)

const entry = target.endsWith('.ts') ? resolve(root, target) : join(root, 'node_modules', '.bin', target)
// kafkajs 2.2 trips over this warning on newer Nodes; it means nothing.
const { code } = await run(node, ['--disable-warning=TimeoutNegativeWarning', entry, ...args], {
  cwd: process.cwd(),
  env,
  stdio: 'inherit',
  last: true,
})
process.exit(code)
