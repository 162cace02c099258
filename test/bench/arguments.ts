// What a person may ask of the benchmark on the command line.

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { localFolder } from '@bridge/local-kafka/kafka-jars'

export type Asked =
  | { kind: 'run'; rows: string[]; quick: boolean; jsonFile: string; profileFolder: string | null }
  | { kind: 'help' }
  | { kind: 'wrong'; why: string }

export const jsonFileDefault = join(localFolder, 'bench', 'ingest.json')

/** Reads the arguments. @param rowNames those that there are */
export function readArguments(args: readonly string[], rowNames: readonly string[]): Asked {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rows: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'string', default: jsonFileDefault },
        profile: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return { kind: 'help' }
    const [benchmark, ...more] = positionals
    if (benchmark !== 'ingest' || more.length > 0) {
      return { kind: 'wrong', why: 'say which benchmark: there is "ingest"' }
    }
    const rows = values.rows === undefined ? [...rowNames] : values.rows.split(',').map((name) => name.trim())
    const unknown = rows.filter((name) => !rowNames.includes(name))
    if (unknown.length > 0) {
      return { kind: 'wrong', why: `no row is called ${unknown.join(', ')}: there are ${rowNames.join(', ')}` }
    }
    return {
      kind: 'run',
      rows: rowNames.filter((name) => rows.includes(name)),
      quick: values.quick,
      jsonFile: values.json,
      profileFolder: values.profile ?? null,
    }
  } catch (error) {
    return { kind: 'wrong', why: error instanceof Error ? error.message : String(error) }
  }
}

/** @param rows name and work of each */
export function helpText(rows: readonly { name: string; work: string }[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length))
  return `npm run bench -- ingest [--rows a,b] [--quick] [--json file] [--profile folder]

Measures the ingestor against a plain kafkajs loop, on a Kafka that it brings up (START_KAFKA_BROKERS names another) and
with an API of its own. Ends with a table and a JSON file. Exit code 0: every required figure is met; 1: one is missed.

rows, all of them by default:
${rows.map(({ name, work }) => `  ${name.padEnd(width)}  ${work}`).join('\n')}

  --quick           one run instead of the median of three, and less work: to see that it runs, not for figures
  --json file       where the figures go: ${jsonFileDefault}
  --profile folder  writes a processor profile of every ingestor and plain loop (.cpuprofile): figures get worse by it
`
}
