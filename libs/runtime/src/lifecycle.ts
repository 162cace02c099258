// The life of a service process: configuration, signals, orderly stop within a deadline, exit codes.
//   0   stopped in order         64  unknown argument (EX_USAGE)
//   1   could not start, failed  78  the configuration is wrong (EX_CONFIG)

import { type ConfigRead, configText, helpText, type Variable } from './config.ts'
import { bugFields, createLog, errorLine, type Log, type LogLevel } from './log.ts'

/** What is opened is closed in reverse order. Stopping is one thing that happens once, however often it is asked for. */
export class Lifecycle {
  readonly #closers: { name: string; close: () => Promise<void> | void }[] = []
  readonly #log: Log
  readonly #failed = Promise.withResolvers<string>()
  #stopping: Promise<void> | undefined

  constructor(log: Log) {
    this.#log = log
  }

  get stopping(): boolean {
    return this.#stopping !== undefined
  }

  /** Why the service cannot go on; pending while it can. */
  get failed(): Promise<string> {
    return this.#failed.promise
  }

  /** The service cannot go on: it is stopped in order, and whoever runs it starts it anew. */
  fail(because: string): void {
    this.#failed.resolve(because)
  }

  /** Registers what undoes a step of the start. */
  onStop(name: string, close: () => Promise<void> | void): void {
    this.#closers.push({ name, close })
  }

  /** Closes everything, last opened first; a closer that fails is logged and does not keep the others from closing. */
  stop(): Promise<void> {
    this.#stopping ??= this.#closeAll()
    return this.#stopping
  }

  async #closeAll(): Promise<void> {
    for (const { name, close } of this.#closers.reverse()) {
      try {
        await close()
      } catch (error) {
        this.#log.error({ step: name, error: errorLine(error) }, 'stop step failed')
      }
    }
  }
}

export type Service<C extends { logLevel: LogLevel; stopDeadlineMs: number }> = {
  name: string
  /** One sentence, for `--help`. */
  what: string
  variables: Record<string, Variable<unknown>>
  /** What `--help` tells beside the variables, a paragraph each. */
  help?: string[]
  /** What `--config` tells beside the variables: what they point to and come to, without secrets; no config where it is wrong. */
  shown?(env: NodeJS.ProcessEnv, config: C | undefined): string[]
  read(env: NodeJS.ProcessEnv): ConfigRead<C>
  /** Starts everything and answers when it runs; each step registers its closer. */
  start(config: C, log: Log, life: Lifecycle): Promise<void>
}

/** Runs a service as this process. Answers never: the process ends with one of the codes above. */
export async function runService<C extends { logLevel: LogLevel; stopDeadlineMs: number }>(
  service: Service<C>,
): Promise<void> {
  const argument = process.argv[2]
  const read = service.read(process.env)
  if (argument === '--help' || argument === '-h') {
    process.stdout.write(`${helpText(service.what, service.variables, service.help)}\n`)
    return
  }
  if (argument === '--config') {
    const problems = read.kind === 'wrong' ? read.problems : []
    const shown = service.shown?.(process.env, read.kind === 'read' ? read.config : undefined)
    process.stdout.write(`${configText(service.variables, process.env, problems, shown)}\n`)
    process.exitCode = problems.length === 0 ? 0 : 78
    return
  }
  if (argument !== undefined) {
    process.stderr.write(`${service.name}: unknown argument ${argument}; see --help\n`)
    process.exitCode = 64
    return
  }
  if (read.kind === 'wrong') {
    for (const problem of read.problems) process.stderr.write(`${service.name}: ${problem}\n`)
    process.stderr.write(`${service.name}: the configuration is wrong (${read.problems.length}); see --help\n`)
    process.exitCode = 78
    return
  }
  const { config } = read
  const log = createLog(service.name, config.logLevel)
  const life = new Lifecycle(log)
  const end = (reason: string, exitCode: number) => {
    if (life.stopping) return
    log.info({ reason, deadlineMs: config.stopDeadlineMs }, 'stopping')
    const deadline = setTimeout(() => {
      log.error({ deadlineMs: config.stopDeadlineMs }, 'not stopped within the deadline, exiting')
      process.exit(1)
    }, config.stopDeadlineMs)
    void life.stop().then(() => {
      clearTimeout(deadline)
      log.info({ exitCode }, 'stopped')
      process.exit(exitCode)
    })
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => end(signal, 0))
  void life.failed.then((because) => {
    if (!life.stopping) log.fatal({ because }, 'cannot go on')
    end('failed', 1)
  })
  // Node's own warnings as log lines; kafkajs 2.2.4 causes the one named here at every connection, and it is harmless.
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message }) => {
    if (name !== 'TimeoutNegativeWarning') log.warn({ warning: name }, message)
  })
  // Not stopped in order: what a broken process would still flush or commit cannot be trusted, and all of it is repeatable.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error) => {
      log.fatal({ event, ...bugFields(error) }, 'bug')
      process.exit(1)
    })
  }
  try {
    await service.start(config, log, life)
    log.info({ node: process.version, pid: process.pid }, 'started')
  } catch (error) {
    log.fatal({ error: errorLine(error) }, 'could not start')
    end('could not start', 1)
  }
}
