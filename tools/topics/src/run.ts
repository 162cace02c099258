// Owns one run of the tool: reads what is asked for and the settings, does it, answers the exit code.
//   0   done, or nothing to do      1   failed, or not as it must be      64  wrong usage      78  wrong configuration

import { kafkaErrorLine } from '@bridge/runtime/kafka-errors'
import type { Output } from '@bridge/runtime/tool-output'
import { exits, runTool } from '@bridge/runtime/tool-run'
import { acls } from './acls.ts'
import { type Order, readArguments } from './arguments.ts'
import { check } from './check.ts'
import { Cluster } from './cluster.ts'
import { create } from './create.ts'
import { help } from './help.ts'
import { readSettings, type Settings } from './settings.ts'

export type Run = { args: string[]; env: NodeJS.ProcessEnv; output: Output }

/** Runs one command. @returns the exit code; never rejects for what can be expected */
export function runTopics(run: Run): Promise<number> {
  return runTool(
    {
      name: 'topics',
      help,
      readArguments,
      readSettings: (env, { brokers }) => readSettings(env, brokers),
      perform: (order, settings) => perform(order, settings, run.output),
    },
    run,
  )
}

async function perform(order: Order, settings: Settings, output: Output): Promise<number> {
  const brokers = settings.connection.brokers.join(', ')
  let cluster: Cluster | undefined
  try {
    cluster = await Cluster.connect(settings.connection)
    output.line(`# Kafka at ${brokers}`)
    return await obey(cluster, order, settings, output)
  } catch (error) {
    output.error(`Kafka at ${brokers}: ${kafkaErrorLine(error)}`)
    return exits.failed
  } finally {
    await cluster?.close()
  }
}

function obey(cluster: Cluster, order: Order, settings: Settings, output: Output): Promise<number> {
  switch (order.command) {
    case 'check':
      return check(cluster, settings, order.only, output)
    case 'create':
      return create(cluster, settings, order, output)
    case 'acls':
      return acls(cluster, settings, order, output)
  }
}
