// The variables that every service has: where it is watched, how it stops, how loud it is.

import { defaultsTo, types, type Values } from './config.ts'
import { type LogLevel, logLevels } from './log.ts'

/** @param adminPort the default port of /healthz, /readyz and /metrics */
export function serviceVariables(adminPort: number) {
  return {
    ADMIN_HOST: defaultsTo('0.0.0.0', 'address that the admin port listens on', types.text),
    ADMIN_PORT: defaultsTo(
      String(adminPort),
      'port of /healthz, /readyz and /metrics; never make it public',
      types.port,
    ),
    STOP_DEADLINE_MS: defaultsTo('20000', 'from SIGTERM to exit, in milliseconds', types.whole(100, 600_000)),
    LOG_LEVEL: defaultsTo('info', logLevels.join(', '), types.oneOf(logLevels)),
  }
}

export type ServiceConfig = {
  admin: { host: string; port: number }
  stopDeadlineMs: number
  logLevel: LogLevel
}

/** What checked variables say. */
export function serviceConfig(values: Values<ReturnType<typeof serviceVariables>>): ServiceConfig {
  return {
    admin: { host: values.ADMIN_HOST, port: values.ADMIN_PORT },
    stopDeadlineMs: values.STOP_DEADLINE_MS,
    logLevel: values.LOG_LEVEL,
  }
}
