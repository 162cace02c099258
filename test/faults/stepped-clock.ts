// A preload (`--import`) that lets a process live at another time of day: Date tells the real time plus what the file that
// STEPPED_CLOCK_FILE names says, in milliseconds, read ten times a second. As when an operator or NTP sets the clock, only the
// time of day jumps; the monotonic clock and timers go on.

import { readFileSync } from 'node:fs'

const file = process.env.STEPPED_CLOCK_FILE
const readEveryMs = 100
const RealDate = Date
let stepMs = 0

class SteppedDate extends RealDate {
  constructor(...given: []) {
    if (given.length === 0) super(RealDate.now() + stepMs)
    else super(...given)
  }

  static override now(): number {
    return RealDate.now() + stepMs
  }
}

if (file !== undefined) {
  const read = () => {
    stepMs = Number(readFileSync(file, 'utf8')) || 0
  }
  read()
  setInterval(read, readEveryMs).unref()
  globalThis.Date = SteppedDate as DateConstructor
}
