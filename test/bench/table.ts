// The table that the benchmark ends with, as plain text: a line a figure.

import { type Figure, isOfRatio, type RowResult, ratioOf, verdictOf } from './figures.ts'

export type ReportedRow = { name: string; work: string } & (
  | ({ kind: 'measured' } & RowResult)
  | { kind: 'failed'; why: string }
)

const marks = { met: '✓', missed: '✗ missed', told: '' }

/**
 * The lines of the table, every column as wide as its widest cell; rows follow one another under their work.
 *
 * @param plain what the figures are compared with
 */
export function tableLines(rows: readonly ReportedRow[], plain: string): string[] {
  const columns = ['figure', 'this', plain, 'ratio', 'required', '']
  const cells = new Map(rows.map((row) => [row, row.kind === 'measured' ? row.figures.map(cellsOf) : []]))
  const widths = columns.map((column, i) =>
    Math.max(column.length, ...[...cells.values()].flat().map((line) => [...(line[i] ?? '')].length)),
  )
  const lay = (line: readonly string[]) =>
    line
      // Words to the left, numbers to the right.
      .map((cell, i) => (i === 0 || i === 5 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd()
  const lines = [lay(columns), '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2))]
  for (const row of rows) {
    lines.push(`${row.name}: ${row.work}`)
    for (const line of cells.get(row) ?? []) lines.push(lay(line))
    if (row.kind === 'failed') lines.push(`  ✗ not measured: ${row.why}`)
    else {
      for (const wrong of row.wrong) lines.push(`  ✗ wrong: ${wrong}`)
      for (const note of row.notes) lines.push(`  · ${note}`)
    }
  }
  return lines
}

/** Whether every figure is met, nothing is wrong and every row was measured. */
export function allMet(rows: readonly ReportedRow[]): boolean {
  return rows.every(
    (row) =>
      row.kind === 'measured' &&
      row.wrong.length === 0 &&
      row.figures.every((figure) => verdictOf(figure) !== 'missed'),
  )
}

function cellsOf(figure: Figure): string[] {
  const { what, unit, here, plain, required } = figure
  const ratio = ratioOf(figure)
  const sign = required?.kind === 'at least' ? '≥' : '≤'
  return [
    `  ${what}`,
    `${numberText(here)} ${unit}`.trim(),
    plain === null ? '' : `${numberText(plain)} ${unit}`.trim(),
    ratio === null ? '' : numberText(ratio),
    required === null ? '' : `${sign} ${numberText(required.value)}${isOfRatio(figure) ? '' : ` ${unit}`.trimEnd()}`,
    marks[verdictOf(figure)],
  ]
}

/** Three digits that count, whole from 100 on, with thousands apart. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(3)))
}
