// Owns how the tool speaks: results to standard output, what went wrong to standard error, colours only on a terminal that
// wants them, and one question where a person can be asked.

import { createInterface } from 'node:readline/promises'
import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red'

export type Output = {
  line(text?: string): void
  error(text: string): void
  paint(style: Style, text: string): string
}

/** Asks for a yes. `nobody`: there is no terminal to ask at. */
export type Ask = (question: string) => Promise<'yes' | 'no' | 'nobody'>

const answerDeadlineMs = 600_000

export function processOutput(): Output {
  return {
    line: (text = '') => void process.stdout.write(`${text}\n`),
    error: (text) => void process.stderr.write(`${text}\n`),
    paint: (style, text) => (process.stdout.isTTY ? styleText(style, text, { stream: process.stdout }) : text),
  }
}

/** Asks the person at the terminal. Anything but a yes is a no; so is Ctrl-D, and ten minutes without an answer. */
export const askAtTerminal: Ask = async (question) => {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return 'nobody'
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const left = new Promise<string>((resolve) => terminal.once('close', () => resolve('')))
  try {
    const asked = terminal.question(`${question} [y/N] `, { signal: AbortSignal.timeout(answerDeadlineMs) })
    const answer = await Promise.race([asked, left])
    return /^y(es)?$/i.test(answer.trim()) ? 'yes' : 'no'
  } catch {
    return 'no'
  } finally {
    terminal.close()
  }
}
