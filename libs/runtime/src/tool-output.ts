// How a tool speaks: results to standard output, what went wrong to standard error, colours only on a terminal that wants them.

import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red'

export type Output = {
  line(text?: string): void
  error(text: string): void
  paint(style: Style, text: string): string
}

/** What a line is about: its sign in front of it, and the colour of the sign. */
export type Marks = Record<string, readonly [sign: string, style: Style]>

/** The process's own. */
export function processOutput(): Output {
  return {
    line: (text = '') => void process.stdout.write(`${text}\n`),
    error: (text) => void process.stderr.write(`${text}\n`),
    paint: (style, text) => (process.stdout.isTTY ? styleText(style, text, { stream: process.stdout }) : text),
  }
}

/** One line about one thing. */
export function tellMarked(output: Output, [sign, style]: Marks[string], text: string): void {
  output.line(`  ${output.paint(style, sign)} ${text}`)
}

/** Lines of a table whose columns are as wide as their widest cell. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
