// `list`: tells every configuration of the organization.

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

/** Columns as wide as their widest cell. */
function aligned(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
