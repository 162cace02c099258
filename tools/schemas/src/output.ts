// Owns the signs in front of the tool's lines.

import { type Marks, type Output, tellMarked } from '@bridge/runtime/tool-output'

const marks = {
  right: ['=', 'dim'],
  missing: ['+', 'yellow'],
  done: ['✓', 'green'],
  wrong: ['✗', 'red'],
} as const satisfies Marks

export type Mark = keyof typeof marks

/** One line about one thing. */
export function tell(output: Output, mark: Mark, text: string): void {
  tellMarked(output, marks[mark], text)
}
