// Structured logs: one JSON object a line on standard output. Ids are fine in it; secrets and message texts are not: no
// caller passes a message, a header or a configuration as a whole.

import { type DestinationStream, type Logger, pino } from 'pino'
import { isoNow } from './iso-time.ts'

export type Log = Logger

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** Characters that are kept until the end of the turn at most. */
const togetherMax = 16_000

/**
 * A log that writes the lines of one turn of the event loop together: at thousands of lines a second each write of its own
 * was a tenth of all the work. A line that was logged is out before the process can end, unless it is killed in that turn.
 */
export function createLog(service: string, level: LogLevel): Log {
  return pino(
    {
      level,
      base: { service },
      timestamp: () => `,"time":"${isoNow()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    standardOutput(level),
  )
}

function standardOutput(level: LogLevel): DestinationStream {
  const output = pino.destination({ dest: 1, sync: true })
  let lines = ''
  const flush = () => {
    if (lines !== '') output.write(lines)
    lines = ''
  }
  if (level !== 'silent') process.once('exit', flush)
  return {
    write(line) {
      if (lines === '') setImmediate(flush)
      lines += line
      if (lines.length >= togetherMax) flush()
    },
  }
}

/** An error in one line for a log or a person: its message only; causes are appended. */
export function errorLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // kafkajs quotes an error that has a code and no message: a name of two addresses, both of which refuse.
  const message = error.message.endsWith(': ') && 'code' in error ? `${error.message}${error.code}` : error.message
  return error.cause instanceof Error && error.cause.message !== error.message
    ? `${message}: ${errorLine(error.cause)}`
    : message
}

/** Where an error was thrown, without its message: that may quote what was being read. */
export function bugFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { thrown: typeof error }
  const stack = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '))
  return { thrown: error.name, stack: stack.slice(0, 8).join('\n') }
}
