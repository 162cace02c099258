// Keeps what the processes of a test run write, and what they are seen to tell otherwise (metrics, headers), in a folder of the run,
// where it is searched in the end (planted-secrets.ts). Outside of such a run it keeps nothing.

import type { ChildProcess } from 'node:child_process'
import { appendFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { holdsPlanted } from './planted-secrets.ts'

/** Names the folder; whoever runs tests sets it before the first process starts. */
export const folderVariable = 'TEST_OUTPUT_FOLDER'

/** Of one output: a process that writes more has a fault of its own, and the test that started it fails. */
const outputBytesMax = 512_000_000

const sizes = new Map<string, number>()

/** Keeps both outputs of a process. Call it where the process is started, with what it runs as `name`. */
export function keepOutput(child: ChildProcess, name: string): void {
  if (process.env[folderVariable] === undefined) return
  for (const stream of ['stdout', 'stderr'] as const) {
    // Not decoded and not buffered: a process that is killed has its last words kept too.
    child[stream]?.on('data', (chunk: Buffer | string) => keep(`${name}-${child.pid}.${stream}`, chunk))
  }
}

/** Keeps a text, as a line of its own or several. @param name of the output that it belongs to */
export function keepText(name: string, text: string): void {
  if (process.env[folderVariable] !== undefined) keep(`${name}-${process.pid}.text`, `${text}\n`)
}

/** For texts that are asked for many times a second: searched at once, and kept only if there is something in them. */
export function keepWhatIsTold(name: string, text: string): void {
  if (process.env[folderVariable] !== undefined && holdsPlanted(text)) keepText(name, text)
}

function keep(output: string, chunk: Buffer | string): void {
  const file = join(process.env[folderVariable] ?? '', output)
  const size = (sizes.get(file) ?? sizeOf(file)) + chunk.length
  if (size > outputBytesMax) throw new Error(`${output} is more than ${outputBytesMax} bytes: what tells so much?`)
  sizes.set(file, size)
  appendFileSync(file, chunk)
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
