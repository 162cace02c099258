// Owns one run of the tool: reads what is asked for and the settings, does it, answers the exit code.
//   0   done, or nothing to do      1   failed, or not all registered      64  wrong usage      78  wrong configuration

import type { Output } from '@bridge/runtime/tool-output'
import { Registry } from '@bridge/schemas/registry'
import { type Order, readArguments } from './arguments.ts'
import { check } from './check.ts'
import { help } from './help.ts'
import { register } from './register.ts'
import { readSettings, type Settings } from './settings.ts'

const exitUsage = 64
const exitConfiguration = 78

export type Run = { args: string[]; env: NodeJS.ProcessEnv; output: Output }

/** Runs one command. @returns the exit code; never rejects for what can be expected */
export async function runSchemas({ args, env, output }: Run): Promise<number> {
  const read = readArguments(args)
  if (read.kind === 'help') {
    output.line(help.trimEnd())
    return 0
  }
  if (read.kind === 'wrong') {
    output.error(`${read.why}\nnpm run schemas -- --help tells what there is.`)
    return exitUsage
  }
  const settings = readSettings(env, read.order)
  if (settings.kind === 'wrong') {
    output.error(`The configuration is wrong (${settings.problems.length}):`)
    for (const problem of settings.problems) output.error(`  ${problem}`)
    return exitConfiguration
  }
  return perform(read.order, settings.config, output)
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
