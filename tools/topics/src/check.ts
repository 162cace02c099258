// `check`: tells of every topic what it is, and what it should be.

import type { Output } from '@bridge/runtime/tool-output'
import type { Cluster } from './cluster.ts'
import { isFit, look, tellTopic } from './look.ts'
import type { Role } from './roles.ts'
import type { Settings } from './settings.ts'

/** @returns the exit code */
export async function check(
  cluster: Cluster,
  settings: Settings,
  only: readonly Role[],
  output: Output,
): Promise<number> {
  const { seen } = await look(cluster, settings, only)
  for (const each of seen) tellTopic(output, each)
  const unfit = seen.filter((each) => !isFit(each))
  if (unfit.length === 0) {
    const advice = seen.some(({ findings }) => findings.some(({ level }) => level === 'advice'))
    output.line(advice ? 'All is as it must be; what is marked ! is advice.' : 'All is as it should be.')
    return 0
  }
  const isMissing = unfit.some(({ state }) => state.kind === 'missing')
  const how = isMissing ? ' `create` makes what is missing,' : ''
  output.error(
    `Not as it must be: ${unfit.map(({ name }) => name).join(', ')}.${how} \`create --alter --dry-run\` tells what it would change.`,
  )
  return 1
}
