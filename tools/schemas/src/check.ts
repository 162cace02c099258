// `check`: tells of every subject whether our schema is registered, and if not, whether it would be taken.

import type { Output } from '@bridge/runtime/tool-output'
import type { Registry } from '@bridge/schemas/registry'
import { explain } from './explain.ts'
import { isRefused, look, tellSeen, whatToDo } from './look.ts'
import type { Settings } from './settings.ts'

/** @returns the exit code: 0 only where all are registered */
export async function check(registry: Registry, { subjects, connection }: Settings, output: Output): Promise<number> {
  const looked = await look(registry, subjects)
  if (looked.kind === 'unavailable') {
    for (const line of explain(looked, connection)) output.error(line)
    return 1
  }
  for (const each of looked.seen) tellSeen(output, each, connection)
  const absent = looked.seen.filter(({ state }) => state.kind !== 'registered')
  if (absent.length === 0) {
    output.line('All are registered.')
    return 0
  }
  const refused = looked.seen.filter(isRefused)
  const count = `Not registered: ${absent.length} of ${looked.seen.length}`
  if (refused.length === 0) {
    output.error(`${count}. \`register\` does it.`)
    return 1
  }
  output.error(`${count}, and the registry would not take ${refused.length} of them.`)
  output.error(whatToDo(refused, connection))
  return 1
}
