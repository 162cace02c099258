// Structured logs: one JSON object a line on standard output. Ids are fine in it; secrets and message texts are not: no
// caller passes a message, a header or a configuration as a whole.

import { type Logger, pino } from 'pino'

export type Log = Logger

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** A log that writes at once: a line that was logged is out before the process can end. */
export function createLog(service: string, level: LogLevel): Log {
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 1, sync: true }),
  )
}

/** An error in one line for a log or a person: its message only; causes are appended. */
export function errorLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error && error.cause.message !== error.message
    ? `${error.message}: ${errorLine(error.cause)}`
    : error.message
}

/** Where an error was thrown, without its message: that may quote what was being read. */
export function bugFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { thrown: typeof error }
  const stack = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '))
  return { thrown: error.name, stack: stack.slice(0, 8).join('\n') }
}
