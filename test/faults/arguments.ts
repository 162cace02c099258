// What a person may ask of the table of faults on the command line.

import { parseArgs } from 'node:util'
import type { Row } from './row.ts'

export type Asked =
  | { kind: 'run'; rows: string[]; quick: boolean; isWhole: boolean; outputs: boolean }
  | { kind: 'help' }
  | { kind: 'list' }
  | { kind: 'wrong'; why: string }

export function readArguments(args: readonly string[], rows: readonly Pick<Row, 'name'>[]): Asked {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rows: { type: 'string' },
        list: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        outputs: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return { kind: 'help' }
    if (values.list) return { kind: 'list' }
    const names = rows.map(({ name }) => name)
    const wanted = values.rows === undefined ? names : values.rows.split(',').map((name) => name.trim())
    const unknown = wanted.filter((name) => !names.includes(name))
    if (unknown.length > 0) return { kind: 'wrong', why: `no row is called ${unknown.join(', ')}: see --list` }
    const { quick, outputs } = values
    const isWhole = !quick && values.rows === undefined
    return { kind: 'run', rows: names.filter((name) => wanted.includes(name)), quick, isWhole, outputs }
  } catch (error) {
    return { kind: 'wrong', why: error instanceof Error ? error.message : String(error) }
  }
}

export const helpText = `npm run faults [-- --rows a,b] [--quick] [--list] [--outputs]

Does to both services what happens in production, on a real Kafka (on this machine's Java), with a simulated Partoo as the
judge, and ends with a table. Run whole, about 35 minutes, it writes the table into docs/reliability.md. Exit code 0: nothing
was lost, created twice or out of order, and the limit was kept, in every row; 1: it was not, or a row could not be run.

  --rows a,b  these rows; by default all of them
  --quick     the long ones made short: to see that they run, not for figures
  --list      what rows there are
  --outputs   keeps what the services wrote, in .local/faults
`
