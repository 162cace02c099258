// Owns how a time is written on the command line: a moment, a day, or how long ago.

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * Reads `2h` (so long ago: s, m, h, d), `2026-01-31` (its beginning, UTC) or `2026-01-31T09:30:00Z` (ISO 8601 with its zone).
 *
 * @param nowMs wall clock
 * @returns wall clock in ms; undefined where the text is no time
 */
export function readTime(text: string, nowMs: number): number | undefined {
  const ago = /^(\d{1,6})([smhd])$/.exec(text)
  if (ago !== null) return nowMs - Number(ago[1]) * unitMs[ago[2] as keyof typeof unitMs]
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text)) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
