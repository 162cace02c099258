// Owns one run of the tool: reads what is asked for and the settings, does it, answers the exit code.

import { randomUUID } from 'node:crypto'
import { refusalLine } from '@bridge/runtime/kafka-errors'
import type { Output } from '@bridge/runtime/tool-output'
import { exits, runTool } from '@bridge/runtime/tool-run'
import { type Order, readArguments } from './arguments.ts'
import { help } from './help.ts'
import { Identify } from './identify.ts'
import { list } from './list.ts'
import type { Progress } from './progress.ts'
import { redrive } from './redrive.ts'
import { readSettings, type Settings } from './settings.ts'
import { show } from './show.ts'
import { TopicReader } from './topic-reader.ts'
import type { Work } from './work.ts'

export type Run = { args: string[]; env: NodeJS.ProcessEnv; output: Output; progress: Progress; signal: AbortSignal }

/** Runs one command. @returns the exit code; never rejects for what can be expected */
export function runDlq(run: Run): Promise<number> {
  return runTool(
    {
      name: 'dlq',
      help,
      readArguments: (args) => readArguments(args),
      readSettings: (env, { brokers }) => readSettings(env, brokers),
      perform: (order, settings) => perform(order, settings, run),
    },
    run,
  )
}

async function perform(order: Order, settings: Settings, { output, progress, signal }: Run): Promise<number> {
  const { connection, dlqTopic, registry, channelId } = settings
  const brokers = connection.brokers.join(', ')
  if (order.command !== 'list' || !order.json) output.line(`# ${dlqTopic} of Kafka at ${brokers}`)
  const changes = order.command === 'redrive' && !order.dryRun
  // One at a time redrives; who only looks is in nobody's way.
  const groupId = changes ? `partoo-dlq-redrive.${dlqTopic}` : `partoo-dlq-${randomUUID()}`
  const waiting = () => output.error('Somebody else redrives, or was ended just now: waiting for that…')
  const identify = new Identify(registry, channelId)
  let reader: TopicReader | undefined
  try {
    const opened = await TopicReader.open({
      connection,
      topic: dlqTopic,
      groupId,
      signal,
      ...(changes ? { alone: { waiting } } : {}),
    })
    if (opened === 'busy') {
      output.error(`Somebody else redrives dead letters of ${dlqTopic} (group ${groupId}): wait until that is done.`)
      return exits.failed
    }
    reader = opened
    return await obey(order, { reader, identify, settings, output, progress, signal })
  } catch (error) {
    progress.clear()
    if (signal.aborted) {
      output.error('Ended before it was done. Nothing was sent.')
      return exits.interrupted
    }
    output.error(`Kafka at ${brokers}: ${refusalLine(error, 'Read', [dlqTopic], groupId)}`)
    return exits.failed
  } finally {
    await Promise.all([reader?.close(), identify.close()])
  }
}

function obey(order: Order, work: Work): Promise<number> {
  switch (order.command) {
    case 'list':
      return list(work, order)
    case 'show':
      return show(work, order)
    case 'redrive':
      return redrive(work, order)
  }
}
