// Owns what every command works with.

import type { Output } from '@bridge/runtime/tool-output'
import type { Identify } from './identify.ts'
import type { Progress } from './progress.ts'
import type { Settings } from './settings.ts'
import type { TopicReader } from './topic-reader.ts'

export type Work = {
  reader: TopicReader
  identify: Identify
  settings: Settings
  output: Output
  progress: Progress
  /** Ctrl-C. */
  signal: AbortSignal
}

/** `1,234` */
export function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

/** `1 message`, `2 messages`. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}
