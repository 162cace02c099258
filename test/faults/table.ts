// The table that a run ends with: for a terminal, and as Markdown for the document.

import { faultsOf, type Judgement } from './judgement.ts'
import type { RanRow } from './row.ts'

const columns = [
  'fault',
  'messages',
  'webhooks',
  'lost',
  'created twice',
  'out of order',
  'most in 60 s / limit',
  'calls repeated',
  'recovers in',
  'standstill',
  'verdict',
] as const

/** Whether the row shows what it must. */
export function isKept(row: RanRow): boolean {
  return row.kind === 'judged' && wrongOf(row).length === 0
}

/** What is wrong with a row, each in a few words. */
export function wrongOf(row: RanRow): string[] {
  switch (row.kind) {
    case 'judged':
      return [...row.wrong, ...faultsOf(row.judgement, row.expected)]
    case 'failed':
      return [row.why]
    case 'not-run':
      return []
  }
}

export function terminalLines(rows: readonly RanRow[]): string[] {
  const cells = [columns.map(String), ...rows.map((row) => cellsOf(row, row.name))]
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => [...(line[i] ?? '')].length)))
  const lines = cells.map((line) =>
    line
      .map((cell, i) =>
        i === 0 || i === columns.length - 1 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
  lines.splice(1, 0, '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2)))
  return [...lines, ...remarks(rows)]
}

export function markdownLines(rows: readonly RanRow[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [
    line(columns),
    line(columns.map((_, i) => (i === 0 || i === columns.length - 1 ? '---' : '---:'))),
    ...rows.map((row) => line(cellsOf(row, `**${row.name}**: ${row.fault}`))),
    '',
    ...remarks(rows).map((remark) => `- ${remark.trim()}`),
  ]
}

function remarks(rows: readonly RanRow[]): string[] {
  return rows.flatMap((row) => {
    const notes = row.kind === 'judged' ? row.notes : row.kind === 'not-run' ? [`not run: ${row.why}`] : []
    return [...wrongOf(row).map((wrong) => `✗ ${row.name}: ${wrong}`), ...notes.map((note) => `  ${row.name}: ${note}`)]
  })
}

function cellsOf(row: RanRow, name: string): string[] {
  const verdict = isKept(row) ? '✓' : row.kind === 'not-run' ? 'not run' : '✗'
  if (row.kind !== 'judged') return [name, ...columns.slice(2).map(() => '–'), verdict]
  const { judgement: found } = row
  return [
    name,
    whole(found.messages),
    whole(found.webhooks),
    whole(found.lost + found.webhooksLost),
    whole(found.createdTwice),
    whole(found.outOfOrder),
    `${whole(found.most)} / ${whole(found.limitPerMinute)}`,
    whole(found.repeated),
    recovery(found, row.expected?.noRecovery === true),
    seconds(found.standstillMs),
    verdict,
  ]
}

function recovery({ recoveryMs, drainMs }: Judgement, none: boolean): string {
  if (none) return `all in ${seconds(drainMs)}`
  return recoveryMs === null ? 'never' : seconds(recoveryMs)
}

function whole(value: number): string {
  return value.toLocaleString('en-US')
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
