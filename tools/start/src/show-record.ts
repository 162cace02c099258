// Owns how a record looks on a terminal: where it is, its key, the headers that say something, its value as JSON.

import { styleText } from 'node:util'
import type { Seen } from './follow.ts'
import { timeOfDay } from './terminal.ts'

/** Of the CloudEvents headers only what kind of fact it is; ours in full. */
const essentialHeader = /^(ce_type$|partoo-|traceparent$)/
/** A reply carries Partoo's whole webhook body, a dead letter perhaps a page of HTML: cut on a terminal, in part. */
const textMax = 300
const unreadableMax = 64

/** Answers the record as lines, ending with an empty one. @param stream decides about colours */
export function showRecord(seen: Seen, stream: NodeJS.WritableStream & { isTTY?: boolean }): string {
  const paint = (style: 'cyan' | 'dim', text: string): string => {
    return stream.isTTY ? styleText(style, text, { stream: stream as NodeJS.WriteStream }) : text
  }
  const where = `${seen.topic}, partition ${seen.partition}, offset ${seen.offset}`
  const key = seen.key === null ? 'no key' : `key ${seen.key}`
  const headers = seen.headers.filter(([name]) => essentialHeader.test(name))
  return [
    `${timeOfDay(seen.timestampMs)}  ${paint('cyan', key)}  ${paint('dim', where)}`,
    ...headers.map(([name, value]) => `  ${paint('dim', `${name}: ${shorten(value)}`)}`),
    showValue(seen.value),
    '',
    '',
  ].join('\n')
}

function showValue(value: Buffer | null): string {
  if (value === null) return '  null (a tombstone)'
  const text = value.toString()
  try {
    return indent(JSON.stringify(JSON.parse(text, lossless), null, 2))
  } catch {
    const head = JSON.stringify(text.slice(0, unreadableMax))
    return `  ${value.length} bytes, not JSON: ${head}${text.length > unreadableMax ? '…' : ''}`
  }
}

/** Numbers stay as they were written (ids beyond 2^53 would be rounded), long texts are cut. */
function lossless(_key: string, value: unknown, context?: { source: string }): unknown {
  if (typeof value === 'string') return shorten(value)
  if (typeof value !== 'number' || context === undefined) return value
  // Not in TypeScript's library yet; in Node since 21.
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(context.source)
}

function shorten(text: string): string {
  return text.length <= textMax ? text : `${text.slice(0, textMax)}… (${text.length} characters)`
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}
