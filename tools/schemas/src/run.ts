// Owns one run of the tool: reads what is asked for and the settings, does it, answers the exit code.
//   0   done, or nothing to do      1   failed, or not all registered      64  wrong usage      78  wrong configuration

import type { Output } from '@bridge/runtime/tool-output'
import { runTool } from '@bridge/runtime/tool-run'
import { Registry } from '@bridge/schemas/registry'
import { type Order, readArguments } from './arguments.ts'
import { check } from './check.ts'
import { help } from './help.ts'
import { register } from './register.ts'
import { readSettings, type Settings } from './settings.ts'

export type Run = { args: string[]; env: NodeJS.ProcessEnv; output: Output }

/** Runs one command. @returns the exit code; never rejects for what can be expected */
export function runSchemas(run: Run): Promise<number> {
  return runTool(
    {
      name: 'schemas',
      help,
      readArguments,
      readSettings,
      perform: (order, settings) => perform(order, settings, run.output),
    },
    run,
  )
}

async function perform(order: Order, settings: Settings, output: Output): Promise<number> {
  const { url, username } = settings.connection
  output.line(`# Schema registry at ${url}${username === undefined ? '' : `, as ${username}`}`)
  const registry = new Registry(settings.connection)
  try {
    switch (order.command) {
      case 'check':
        return await check(registry, settings, output)
      case 'register':
        return await register(registry, settings, order.dryRun, output)
    }
  } finally {
    await registry.close()
  }
}
