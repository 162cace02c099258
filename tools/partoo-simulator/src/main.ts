// Owns the command line: configuration from the environment, one simulator, a clean end. `--help` says the rest.

import { help, readEnvironment } from './environment.ts'
import { createSigner } from './signing.ts'
import { type Simulator, startSimulator } from './simulator.ts'

const exitPortTaken = 1
const exitUsage = 64
const exitConfiguration = 78

const [argument, ...more] = process.argv.slice(2)
const known = argument === undefined || ['--help', '-h', '--public-key'].includes(argument)
if (!known || more.length > 0) {
  fail([`unknown argument ${known ? more[0] : argument}; --help says what there is`], exitUsage)
} else if (argument === '--help' || argument === '-h') {
  process.stdout.write(help)
} else {
  const read = readEnvironment(process.env)
  if (read.kind === 'problems') fail(read.problems, exitConfiguration)
  else if (argument === '--public-key') process.stdout.write(createSigner(read.options.signingSeed).publicKeyPem)
  else await run(read.options)
}

async function run(options: Parameters<typeof startSimulator>[0] & { host: string; port: number }): Promise<void> {
  let simulator: Simulator
  try {
    simulator = await startSimulator(options)
  } catch (error) {
    fail([whyNotListening(error as NodeJS.ErrnoException, options)], exitPortTaken)
    return
  }
  const { organizations } = simulator.state.snapshot()
  say(`inbox        ${simulator.url}/`)
  say(`Partoo API   ${simulator.apiBase}`)
  say(`control API  ${simulator.url}/_control/state`)
  for (const { org_id, name, channels, webhooks } of organizations) {
    const channelIds = channels.map((channel) => channel.channel_id).join(', ') || 'no channel'
    const urls = [...new Set(webhooks.map((webhook) => webhook.url))].join(', ')
    say(`organization ${org_id} (${name}): ${channelIds}; ${urls === '' ? 'no webhook' : `webhooks to ${urls}`}`)
  }
  const stop = () => {
    simulator.close().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop)
}

function whyNotListening(error: NodeJS.ErrnoException, { host, port }: { host: string; port: number }): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is taken by another program: stop that one, or set SIMULATOR_PORT to a free port`
    case 'EACCES':
      return `port ${port} may not be used by this user: set SIMULATOR_PORT to one above 1023`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine: set SIMULATOR_HOST to 127.0.0.1 or 0.0.0.0`
    default:
      return `cannot listen on ${host}:${port}: ${error.code ?? error.message}`
  }
}

function fail(problems: string[], code: number): void {
  process.stderr.write(problems.map((problem) => `partoo-simulator: ${problem}\n`).join(''))
  process.exitCode = code
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
