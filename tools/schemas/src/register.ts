// `register`: registers what is not. All are checked first, and nothing is registered unless every one would be taken: so none is
// there in a form that the others do not fit.

import type { Output } from '@bridge/runtime/tool-output'
import type { Registry, RegistryConnection } from '@bridge/schemas/registry'
import { explain } from './explain.ts'
import { isRefused, look, tellBeside, tellReasons, tellSeen, title, whatToDo } from './look.ts'
import { tell } from './output.ts'
import type { Settings } from './settings.ts'
import type { Subject } from './subjects.ts'

/** @returns the exit code */
export async function register(
  registry: Registry,
  { subjects, connection }: Settings,
  dryRun: boolean,
  output: Output,
): Promise<number> {
  const looked = await look(registry, subjects)
  if (looked.kind === 'unavailable') {
    for (const line of [...explain(looked, connection), 'Nothing was registered.']) output.error(line)
    return 1
  }
  const { seen } = looked
  const open = seen.filter(({ state }) => state.kind !== 'registered')
  const refused = seen.filter(isRefused)
  if (dryRun || refused.length > 0) {
    for (const each of seen) tellSeen(output, each, connection)
  }
  if (refused.length > 0) {
    const count = `the registry would not take ${refused.length} of ${seen.length}`
    output.error(`Nothing ${dryRun ? 'would be' : 'was'} registered: ${count}.`)
    output.error(whatToDo(refused, connection))
    return 1
  }
  if (dryRun) {
    output.line(
      open.length === 0 ? 'Nothing to do.' : `Dry run: ${open.length} would be registered, nothing was changed.`,
    )
    return 0
  }
  for (const each of seen) {
    if (each.state.kind === 'registered') {
      tellSeen(output, each, connection)
      continue
    }
    const isMade = await make(registry, each.subject, connection, output)
    tellBeside(output, each)
    if (!isMade) {
      output.error('Run the same command again once it is mended: what is registered stays as it is.')
      return 1
    }
  }
  output.line(open.length === 0 ? 'Nothing to do.' : 'Done.')
  return 0
}

/** Registers one, and looks for it as the services and the serializers of others do. @returns whether they will find it */
async function make(
  registry: Registry,
  subject: Subject,
  connection: RegistryConnection,
  output: Output,
): Promise<boolean> {
  const done = await registry.register(subject.name, subject.own)
  const found = done.kind === 'registered' ? await registry.lookUp(subject.name, subject.own) : done
  switch (found.kind) {
    case 'registered':
      tell(output, 'done', `${title(subject)}registered now: id ${found.id}, version ${found.version}`)
      return true
    case 'not-registered':
      tell(
        output,
        'wrong',
        `${title(subject)}the registry took it, and does not find it: who publishes would not either`,
      )
      return false
    case 'incompatible':
    case 'refused':
      tell(output, 'wrong', `${title(subject)}was not registered`)
      tellReasons(output, typeof found.because === 'string' ? [found.because] : found.because, connection)
      return false
    case 'unavailable':
      tell(output, 'wrong', `${title(subject)}not known to be registered`)
      for (const line of explain(found, connection)) output.error(line)
      return false
    default:
      return found satisfies never
  }
}
