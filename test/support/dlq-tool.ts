// Owns the dead-letter tool, run in this process, and what it says.

import { runDlq } from '@bridge/dlq/run'
import type { Output } from '@bridge/runtime/tool-output'

export type Said = { code: number; out: string; err: string }

/** @param env the tool's variables @returns runs one command, its arguments with spaces between them */
export function dlqTool(env: Record<string, string>, signal = new AbortController().signal) {
  return async (line: string): Promise<Said> => {
    const said = { out: '', err: '' }
    const output: Output = {
      line(text = '') {
        said.out += `${text}\n`
      },
      error(text) {
        said.err += `${text}\n`
      },
      paint: (_, text) => text,
    }
    const code = await runDlq({ args: line.split(' '), env, output, progress: { update() {}, clear() {} }, signal })
    return { code, ...said }
  }
}
