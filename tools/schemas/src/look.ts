// Owns what is found out of each subject before anything is changed, and how it is told.

import type { Output } from '@bridge/runtime/tool-output'
import type { Checked, LookedUp, Registry, RegistryConnection, Unavailable } from '@bridge/schemas/registry'
import type { SchemaFormat } from '@bridge/schemas/schema-files'
import { shown } from './explain.ts'
import { tell } from './output.ts'
import type { Subject } from './subjects.ts'

type State = Extract<LookedUp, { kind: 'registered' }> | Exclude<Checked, Unavailable>

/** `beside`: our schema in other formats, where they are registered and this one is not: who chose it may have meant them. */
export type Seen = { subject: Subject; state: State; beside: { format: SchemaFormat; id: number; version: number }[] }

/** All that can be asked; the first that cannot ends it. */
export type Looked = { kind: 'seen'; seen: Seen[] } | Unavailable

/** Lines of what a registry says against a schema. */
const reasonsMax = 20

/** Asks of every subject whether our schema is there, and if not, whether it would be taken. Changes nothing. */
export async function look(registry: Registry, subjects: readonly Subject[]): Promise<Looked> {
  const seen: Seen[] = []
  for (const subject of subjects) {
    const found = await registry.lookUp(subject.name, subject.own)
    const state = found.kind === 'not-registered' ? await registry.check(subject.name, subject.own) : found
    if (state.kind === 'unavailable') return state
    const beside: Seen['beside'] = []
    for (const { format, own } of state.kind === 'registered' ? [] : subject.others) {
      const other = await registry.lookUp(subject.name, own)
      if (other.kind === 'registered') beside.push({ format, id: other.id, version: other.version })
    }
    seen.push({ subject, state, beside })
  }
  return { kind: 'seen', seen }
}

/** Whether the registry would not take it. */
export function isRefused({ state }: Seen): boolean {
  return state.kind === 'incompatible' || state.kind === 'refused'
}

/** Tells of one subject; each reason against it is a line of its own. */
export function tellSeen(output: Output, seen: Seen, connection: RegistryConnection): void {
  const { subject, state } = seen
  const begin = title(subject)
  switch (state.kind) {
    case 'registered':
      tell(output, 'right', `${begin}registered: id ${state.id}, version ${state.version}`)
      break
    case 'new-subject':
      tell(output, 'missing', `${begin}not registered: nothing is there yet`)
      break
    case 'compatible':
      // Apicurio says so too of a subject that is not there.
      tell(output, 'missing', `${begin}not registered: the registry would take it`)
      break
    case 'incompatible':
      tell(output, 'wrong', `${begin}incompatible with what is there`)
      tellReasons(output, state.because, connection)
      break
    case 'refused':
      tell(output, 'wrong', `${begin}the registry refuses it`)
      tellReasons(output, [state.because], connection)
      break
    default:
      state satisfies never
  }
  tellBeside(output, seen)
}

/** Where nothing is compared a registry takes several formats in one subject, which many a consumer cannot read. */
export function tellBeside(output: Output, { beside }: Seen): void {
  for (const { format, id, version } of beside)
    output.line(`      there as ${format} already: id ${id}, version ${version}`)
}

/** The name of a subject and its format, in front of what is told of it. */
export function title({ name, format }: Subject): string {
  return `${name} (${format}): `
}

export function tellReasons(output: Output, because: readonly string[], connection: RegistryConnection): void {
  const reasons = because.map((reason) => shown(reason, connection)).filter((reason) => reason !== '')
  if (reasons.length === 0) output.line('      the registry tells no reasons (Apicurio tells none)')
  for (const reason of reasons.slice(0, reasonsMax)) output.line(`      ${reason}`)
  if (reasons.length > reasonsMax) output.line(`      and ${reasons.length - reasonsMax} more`)
}

/** What to do about schemas that the registry would not take. */
export function whatToDo(seen: readonly Seen[], { url }: RegistryConnection): string {
  const example = seen.find(isRefused)?.subject.name ?? ''
  return `A subject holds schemas of one format: --format and --output-format choose another. Else another schema is there under this name: compare ${url}/subjects/${encodeURIComponent(example)}/versions/latest, and choose another topic, or another compatibility level for that subject.`
}
