// `list`: tells every configuration of the organization.

import { aligned } from '@bridge/runtime/tool-output'
import { exits } from '@bridge/runtime/tool-run'
import { whyNotOurs } from './differences.ts'
import { fetchAll, type Work } from './work.ts'

/** @returns the exit code */
export async function list(work: Work): Promise<number> {
  const { output, mask, settings } = work
  const fetched = await fetchAll(work)
  if (fetched.kind === 'failed') return fetched.exitCode
  const { configurations } = fetched
  const rows = configurations
    .toSorted((one, other) => one.eventType.localeCompare(other.eventType))
    .map(({ id, eventType, url, orgId, updatedAt }) => [
      mask.text(`id ${id}`),
      mask.text(eventType),
      `${mask.address(url)}${mask.hasSecret(url) ? ' (with WEBHOOK_SECRET)' : ''}`,
      orgId === null ? '' : mask.text(`organization ${orgId}`),
      updatedAt === null ? '' : `since ${mask.text(updatedAt)}`,
    ])
  for (const row of aligned(rows)) output.line(`  ${row}`)
  output.line(configurations.length === 0 ? 'No webhook is configured.' : `${configurations.length} configured.`)
  const why = whyNotOurs(configurations, settings.orgId)
  if (why !== null) output.error(mask.text(why))
  return exits.done
}
