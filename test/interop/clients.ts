// Owns the clients of the interop tests, none of which this project wrote: what each can do, and how its example is run.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Line } from './messages.ts'
import { LineProgram, type Run, run } from './programs.ts'
import {
  examples,
  ownSchemas,
  type Prepared,
  prepareGo,
  prepareJava,
  prepareNode,
  preparePython,
  prepareShell,
  schemas,
} from './toolchains.ts'

export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof codecs)[number]
/** What is produced. `…-own`: with the producer's own schema, which has integers as ids. */
export const formats = ['json', 'avro', 'avro-own', 'json-schema', 'protobuf', 'protobuf-own'] as const
export type Format = (typeof formats)[number]
/** What the bridge publishes. */
export const outputFormats = ['json', 'avro', 'json-schema'] as const
export type OutputFormat = (typeof outputFormats)[number]

export type Cell = { client: string; format: Format; codec: Codec }
export const cellName = ({ client, format, codec }: Cell) => `${client}/${format}/${codec}`

/** A cell to produce: its lines, and the variables of the example. */
export type Order = { cell: Cell; lines: Line[]; environment: Record<string, string> }

/** Cells that failed, by name, and why. */
export type Problems = Map<string, string>

export type Example = {
  /** Produces the lines of each order. */
  produce(orders: Order[]): Promise<Problems>
  /** Starts the consumer. */
  consume(environment: Record<string, string>): LineProgram
  /** How its consumer is ended, and which exit codes are right then; null: any. */
  readonly ending: { signal: 'SIGINT' | 'SIGTERM'; code: 0 | null }
}

export type Client = {
  name: string
  /** For people. */
  library: string
  formats: readonly Format[]
  /** Has its JSON integers of any size? */
  integers: boolean
  outputFormats: readonly OutputFormat[]
  prepare(): Promise<Prepared<Example>>
}

const produceDeadlineMs = 60_000
const terminated = { signal: 'SIGTERM', code: 0 } as const

async function withLineFiles<T>(orders: Order[], work: (fileOf: (order: Order) => string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'interop-'))
  try {
    const files = new Map(orders.map((order, at) => [order, join(folder, `${at}.jsonl`)]))
    for (const [order, file] of files) await writeFile(file, order.lines.map(jsonLine).join(''))
    return await work((order) => files.get(order) ?? '')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const jsonLine = ({ key, headers, value }: Line) =>
  `{"key":${JSON.stringify(key)},"headers":${JSON.stringify(headers)},"value":${value}}\n`

/** A program for each order. */
async function each(orders: Order[], program: (order: Order, file: string) => Run[]): Promise<Problems> {
  const problems: Problems = new Map()
  await withLineFiles(orders, async (fileOf) => {
    for (const order of orders) {
      for (const one of program(order, fileOf(order))) {
        const ended = await run({ ...one, env: { ...one.env, ...order.environment } }, produceDeadlineMs)
        if (ended.kind === 'failed') problems.set(cellName(order.cell), ended.why)
      }
    }
  })
  return problems
}

function then<T, U>(prepared: Prepared<T>, use: (ready: T) => U): Prepared<U> {
  return prepared.kind === 'ready' ? { kind: 'ready', with: use(prepared.with) } : prepared
}

const java: Client = {
  name: 'Java',
  library: 'kafka-clients, with Apicurio’s serializers',
  formats: ['json', 'avro', 'avro-own', 'json-schema', 'protobuf'],
  integers: true,
  outputFormats,
  async prepare() {
    return then(await prepareJava(), ({ java, classPath }) => {
      const args = ['-XX:TieredStopAtLevel=1', '-Xmx512m', '-cp', classPath]
      const schemasOf = ({ cell }: Order) => (cell.format.endsWith('-own') ? ownSchemas : schemas)
      return {
        ending: { signal: 'SIGTERM', code: null },
        consume: (env) => new LineProgram({ command: java, args: [...args, 'example.Consume'], env }),
        produce: (orders) =>
          withLineFiles(orders, async (fileOf) => {
            const cells = orders.map((order) => {
              const environment = { ...order.environment, SCHEMAS: schemasOf(order) }
              return `${JSON.stringify({ cell: cellName(order.cell), environment, file: fileOf(order) })}\n`
            })
            const input = cells.join('')
            const ended = await run({ command: java, args: [...args, 'example.Cells'], input }, 3 * produceDeadlineMs)
            const told = ended.kind === 'done' ? ended.stdout.split('\n').filter((line) => line !== '') : []
            const results = told.map((line) => JSON.parse(line) as { cell: string; problem: string | null })
            const problems: Problems = new Map()
            for (const { cell } of orders) {
              const result = results.find((one) => one.cell === cellName(cell))
              const why = result === undefined ? `not run: ${ended.kind === 'failed' && ended.why}` : result.problem
              if (why !== null) problems.set(cellName(cell), why)
            }
            return problems
          }),
      }
    })
  },
}

const python: Client = {
  name: 'Python',
  library: 'confluent-kafka (librdkafka), with its serializers',
  formats,
  integers: true,
  outputFormats,
  async prepare() {
    return then(await preparePython(), ({ python, classes, ownClasses }) => {
      const program = (name: string, ...more: string[]) => ({
        command: python,
        args: ['-B', '-W', 'ignore', join(examples, 'python', name), ...more],
      })
      return {
        ending: terminated,
        consume: (env) => new LineProgram({ ...program('consume.py'), env }),
        produce: (orders) =>
          each(orders, ({ cell }, file) => {
            const PYTHONPATH = cell.format.endsWith('-own') ? ownClasses : classes
            // The local registry is Apicurio's.
            const env = { PYTHONPATH, SCHEMA_REGISTRY_AUTO_REGISTER: String(cell.format.startsWith('protobuf')) }
            return [{ ...program('produce.py', file), env }]
          }),
      }
    })
  },
}

const go: Client = {
  name: 'Go',
  library: 'franz-go, with its sr package',
  formats,
  integers: true,
  outputFormats,
  async prepare() {
    return then(await prepareGo(), ({ program }) => ({
      ending: terminated,
      consume: (env) => new LineProgram({ command: program, args: ['consume'], env }),
      produce: (orders) => each(orders, (_, file) => [{ command: program, args: ['produce', file] }]),
    }))
  },
}

const node: Client = {
  name: 'Node',
  library: '@platformatic/kafka',
  formats: ['json'],
  integers: false,
  outputFormats: ['json'],
  async prepare() {
    return then(await prepareNode(), ({ folder }) => ({
      ending: terminated,
      consume: (env) => new LineProgram({ command: process.execPath, args: [join(folder, 'consume.js')], env }),
      produce: (orders) =>
        each(orders, (_, file) => [{ command: process.execPath, args: [join(folder, 'produce.js'), file] }]),
    }))
  },
}

const shell: Client = {
  name: 'kcat',
  library: 'kcat (librdkafka)',
  formats: ['json'],
  integers: true,
  outputFormats: ['json'],
  async prepare() {
    return then(await prepareShell(), ({ folder }) => ({
      ending: { signal: 'SIGINT', code: null },
      consume: (env) => new LineProgram({ command: join(folder, 'consume.sh'), args: [], env }),
      // Headers are of a whole run.
      produce: (orders) =>
        each(orders, ({ lines }) => {
          const groups = Map.groupBy(lines, ({ headers }) => JSON.stringify(headers))
          return [...groups.values()].map((group) => ({
            command: join(folder, 'produce.sh'),
            args: ['-', ...Object.entries(group[0]?.headers ?? {}).map(([name, value]) => `${name}=${value}`)],
            input: group.map(({ key, value }) => `${key ?? ''}\t${value}\n`).join(''),
          }))
        }),
    }))
  },
}

export const clients: readonly Client[] = [java, python, go, node, shell]
