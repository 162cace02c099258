// What a person may ask of the benchmark on the command line.

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { localFolder } from '@bridge/local-kafka/maven'
import type { Suite } from './suite.ts'

export type Asked =
  | { kind: 'run'; suite: string; rows: string[]; quick: boolean; jsonFile: string; profileFolder: string | null }
  | { kind: 'help' }
  | { kind: 'wrong'; why: string }

type SuiteText = Pick<Suite, 'name' | 'about' | 'rows'>

/** Where the figures of a suite go, unless it is said. */
export function jsonFileDefault(suite: string): string {
  return join(localFolder, 'bench', `${suite}.json`)
}

/** Reads the arguments. @param suites those that there are */
export function readArguments(args: readonly string[], suites: readonly SuiteText[]): Asked {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rows: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        profile: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return { kind: 'help' }
    const [name, ...more] = positionals
    const suite = suites.find((one) => one.name === name)
    if (suite === undefined || more.length > 0) {
      return { kind: 'wrong', why: `say which benchmark: there is ${suites.map((one) => `"${one.name}"`).join(', ')}` }
    }
    const rowNames = suite.rows.map((row) => row.name)
    const rows = values.rows === undefined ? rowNames : values.rows.split(',').map((row) => row.trim())
    const unknown = rows.filter((row) => !rowNames.includes(row))
    if (unknown.length > 0) {
      return { kind: 'wrong', why: `no row is called ${unknown.join(', ')}: there are ${rowNames.join(', ')}` }
    }
    return {
      kind: 'run',
      suite: suite.name,
      rows: rowNames.filter((row) => rows.includes(row)),
      quick: values.quick,
      jsonFile: values.json ?? jsonFileDefault(suite.name),
      profileFolder: values.profile ?? null,
    }
  } catch (error) {
    return { kind: 'wrong', why: error instanceof Error ? error.message : String(error) }
  }
}

export function helpText(suites: readonly SuiteText[]): string {
  return `npm run bench -- ${suites.map(({ name }) => name).join('|')} [--rows a,b] [--quick] [--json file] [--profile folder]

Measures on a Kafka that it brings up (START_KAFKA_BROKERS names another), and ends with a table and a JSON file. Exit code 0:
every required figure is met; 1: one is missed.

${suites.map(suiteText).join('\n')}
  --rows a,b        these rows; by default all of them
  --quick           one run instead of the median of three, and less work: to see that it runs, not for figures
  --json file       where the figures go: ${jsonFileDefault('<benchmark>')}
  --profile folder  writes a processor profile of every process that is measured (.cpuprofile): figures get worse by it
`
}

function suiteText({ name, about, rows }: SuiteText): string {
  const width = Math.max(...rows.map((row) => row.name.length))
  const lines = rows.map((row) => `  ${row.name.padEnd(width)}  ${row.work}\n`)
  return `${name}: ${about}\n${lines.join('')}`
}
