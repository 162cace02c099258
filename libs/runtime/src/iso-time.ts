// The time of day as text: ISO 8601, UTC, milliseconds.

let formattedMs = Number.NaN
let formatted = ''

/** Now. Formatted once a millisecond, as a busy service asks several times in it. */
export function isoNow(): string {
  const nowMs = Date.now()
  if (nowMs !== formattedMs) {
    formattedMs = nowMs
    formatted = new Date(nowMs).toISOString()
  }
  return formatted
}
