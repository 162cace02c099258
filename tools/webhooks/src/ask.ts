// Owns the one question that the tool asks, where a person can be asked.

import { createInterface } from 'node:readline/promises'

/** Asks for a yes. `nobody`: there is no terminal to ask at. */
export type Ask = (question: string) => Promise<'yes' | 'no' | 'nobody'>

const answerDeadlineMs = 600_000

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
