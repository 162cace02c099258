// `npm run tail`: prints each record of one topic as a person can read it, until Ctrl-C.

import { parseArgs } from 'node:util'
import { type TopicRole, topics } from '@bridge/schemas/topics'
import { exitUsage, reachKafka, tell } from './command.ts'
import { follow } from './follow.ts'
import { showRecord } from './show-record.ts'

const roles = Object.keys(topics) as TopicRole[]
const help = `npm run tail -- [topic] [--from-beginning]

Prints the records of one topic of the running \`npm start\` (or of START_KAFKA_BROKERS) as they come. Ctrl-C ends it.

${roles.map((role) => `  ${role.padEnd(18)} ${topics[role].defaultName}: ${topics[role].purpose}`).join('\n')}

  --from-beginning   what is there already, too
Without a topic: replies.
`

process.exitCode = await tail(process.argv.slice(2))

async function tail(args: string[]): Promise<number> {
  const read = readArguments(args)
  if (read.kind === 'help') return tell(help, 0)
  if (read.kind === 'wrong') return tell(`${read.why}\n\n${help}`, exitUsage)
  const target = await reachKafka(process.env)
  if (target.kind === 'none') return tell(`${target.why}\n`, 1)

  const topic = target.topics[read.role]
  const asked = new Promise<'asked'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve('asked'))
    // Whoever read this has enough (`npm run tail | head`).
    process.stdout.on('error', () => resolve('asked'))
  })
  try {
    const follower = await follow({
      brokers: target.brokers,
      topics: [topic],
      from: read.from,
      onRecord: (seen) => process.stdout.write(showRecord(seen, process.stdout)),
    })
    process.stderr.write(`Following ${topic} at ${target.brokers}; Ctrl-C ends it.\n`)
    const end = await Promise.race([asked, follower.broken])
    await follower.stop()
    return end === 'asked' ? 0 : tell(`${topic} can no longer be read: ${end}\n`, 1)
  } catch (error) {
    return tell(`${topic} cannot be read: ${error instanceof Error ? error.message : error}\n`, 1)
  }
}

type Read =
  | { kind: 'help' }
  | { kind: 'wrong'; why: string }
  | { kind: 'topic'; role: TopicRole; from: 'beginning' | 'now' }

function readArguments(args: string[]): Read {
  const options = { help: { type: 'boolean', short: 'h' }, 'from-beginning': { type: 'boolean' } } as const
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    if (values.help) return { kind: 'help' }
    const [name = 'replies', more] = positionals
    const role = roles.find((one) => one === name || topics[one].defaultName === name)
    if (more !== undefined) return { kind: 'wrong', why: 'One topic at a time.' }
    if (role === undefined) return { kind: 'wrong', why: `There is no topic "${name}".` }
    return { kind: 'topic', role, from: values['from-beginning'] ? 'beginning' : 'now' }
  } catch (error) {
    return { kind: 'wrong', why: error instanceof Error ? error.message : String(error) }
  }
}
