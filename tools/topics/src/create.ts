// `create`: makes the topics that are missing, and with --alter sets what is otherwise than it should be. Partitions are never
// added: keys would go to other partitions, and the messages of a conversation would overtake each other. Replicas are not either.

import { setTimeout as pause } from 'node:timers/promises'
import type { Output } from '@bridge/runtime/tool-output'
import type { Order } from './arguments.ts'
import type { Cluster } from './cluster.ts'
import { isFit, look, type Seen } from './look.ts'
import { tell } from './output.ts'
import type { Settings } from './settings.ts'
import { newTopic, type Situation } from './wants.ts'

type CreateOrder = Extract<Order, { command: 'create' }>

/** How long a new topic or setting may take to be told by the brokers. */
const knownDeadlineMs = 10_000

/** @returns the exit code */
export async function create(
  cluster: Cluster,
  settings: Settings,
  order: CreateOrder,
  output: Output,
): Promise<number> {
  const { situation, seen } = await look(cluster, settings, order.only)
  let failed = false
  let touched = 0
  for (const each of seen) {
    const changes = order.alter ? changesOf(each) : {}
    const isMissing = each.state.kind === 'missing'
    output.line(output.paint('bold', each.name))
    if (each.state.kind === 'not-allowed') {
      tell(output, 'wrong', 'Describe is not allowed: whether it exists is not told')
      failed = true
    } else if (isMissing) {
      failed = !(await make(cluster, each, order, situation, output)) || failed
    } else if (Object.keys(changes).length > 0) {
      failed = !(await change(cluster, each, changes, order.dryRun, output)) || failed
    } else {
      tell(output, 'right', order.alter ? 'exists, and nothing of it is to be set' : 'exists, and stays as it is')
    }
    if (isMissing || Object.keys(changes).length > 0) touched += 1
    tellRest(each, order.alter, output)
  }
  if (failed) return 1
  if (touched === 0) output.line('Nothing to do.')
  else if (order.dryRun) output.line('Dry run: nothing was changed.')
  else return confirm(cluster, settings, order, output)
  return 0
}

function changesOf({ findings }: Seen): Record<string, string> {
  return Object.fromEntries(findings.flatMap(({ setting, setTo }) => (setTo === undefined ? [] : [[setting, setTo]])))
}

async function make(
  cluster: Cluster,
  { role, name }: Seen,
  order: CreateOrder,
  situation: Situation,
  output: Output,
): Promise<boolean> {
  const wanted = newTopic(role, situation, order)
  const settings = Object.entries(wanted.settings).map(([setting, value]) => `${setting}=${value}`)
  const what = `${wanted.partitions} partitions, replication factor ${wanted.replicationFactor}, ${settings.join(', ')}`
  tell(output, 'create', `create: ${what}`)
  const created = await cluster.create(name, wanted, order.dryRun)
  if (created.kind === 'done') return true
  tell(output, 'wrong', `${order.dryRun ? 'would not be' : 'was not'} created: ${created.because}`)
  return false
}

async function change(
  cluster: Cluster,
  { name, findings }: Seen,
  changes: Record<string, string>,
  dryRun: boolean,
  output: Output,
): Promise<boolean> {
  for (const { setting, has, setTo } of findings) {
    if (setTo !== undefined) tell(output, 'change', `set ${setting} from ${has} to ${setTo}`)
  }
  if (dryRun) return true
  const changed = await cluster.change(name, changes)
  if (changed.kind === 'done') return true
  tell(output, 'wrong', `was not changed: ${changed.because}`)
  return false
}

/** What is not as it should be and stays so. */
function tellRest({ findings }: Seen, alter: boolean, output: Output): void {
  for (const { level, setting, has, wants, setTo } of findings) {
    if (level === 'right' || (alter && setTo !== undefined)) continue
    const how = setTo === undefined ? '' : ' (--alter sets it)'
    tell(output, level, `${setting} ${[has, wants].filter(Boolean).join(', ')}${how}`)
  }
}

/** Looks until everything that was asked for is told by the brokers. */
async function confirm(cluster: Cluster, settings: Settings, order: CreateOrder, output: Output): Promise<number> {
  const endMs = performance.now() + knownDeadlineMs
  for (;;) {
    const { seen } = await look(cluster, settings, order.only)
    const open = seen.filter(
      (each) => each.state.kind !== 'there' || (order.alter && Object.keys(changesOf(each)).length > 0),
    )
    if (open.length === 0) {
      const unfit = seen.filter((each) => !isFit(each)).map(({ name }) => name)
      output.line(unfit.length === 0 ? 'Done.' : `Done; not as it must be yet: ${unfit.join(', ')}.`)
      return unfit.length === 0 ? 0 : 1
    }
    if (performance.now() > endMs) {
      output.error(
        `Kafka took it, and does not show it yet: ${open.map(({ name }) => name).join(', ')}. Run \`check\`.`,
      )
      return 1
    }
    await pause(200)
  }
}
