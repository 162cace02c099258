// Owns how the tool speaks: results to standard output, what went wrong to standard error, colours only on a terminal that
// wants them.

import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red'

export type Output = {
  line(text?: string): void
  error(text: string): void
  paint(style: Style, text: string): string
}

export function processOutput(): Output {
  return {
    line: (text = '') => void process.stdout.write(`${text}\n`),
    error: (text) => void process.stderr.write(`${text}\n`),
    paint: (style, text) => (process.stdout.isTTY ? styleText(style, text, { stream: process.stdout }) : text),
  }
}

const marks = {
  right: ['=', 'dim'],
  missing: ['+', 'yellow'],
  done: ['✓', 'green'],
  wrong: ['✗', 'red'],
} as const satisfies Record<string, readonly [string, Style]>

export type Mark = keyof typeof marks

/** One line about one thing. */
export function tell(output: Output, mark: Mark, text: string): void {
  const [sign, style] = marks[mark]
  output.line(`  ${output.paint(style, sign)} ${text}`)
}
