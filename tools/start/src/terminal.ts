// Owns what a person sees: lasting lines, steps with their time, and on a terminal one live line below them that is
// rewritten. Without a terminal (a pipe, a log) there is no live line; a long step then says every ten seconds that it
// goes on. Colours only where Node finds them wanted (a terminal, no NO_COLOR).

import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'green' | 'red' | 'cyan'

export type Step = {
  /** Says how far the step is; takes the place of what it said before. */
  progress(text: string): void
  /** Ends the step with a lasting line: a check mark, its name, `detail`, its seconds. */
  done(detail: string): void
  /** Ends the step without a line: what ended it is told elsewhere. */
  end(): void
}

export type Terminal = {
  line(text?: string): void
  step(name: string): Step
  paint(style: Style, text: string): string
  /** Takes the live line away; lasting lines remain possible. */
  close(): void
}

/** As much of process.stdout as is used, so that a test can stand in. */
export type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number }

const liveEveryMs = 250
const sayEveryMs = 10_000
const nameWidth = 18
const eraseLine = '\r\x1b[2K'

type OpenStep = { name: string; text: string; startedMs: number; saidMs: number }

export function createTerminal(output: Output, nowMs: () => number = () => performance.now()): Terminal {
  const open = new Set<OpenStep>()
  let live = ''

  const paint = (style: Style, text: string): string => {
    return output.isTTY ? styleText(style, text, { stream: output }) : text
  }
  const showLive = (): void => {
    if (!output.isTTY) return
    const steps = [...open].map((step) => `${step.name}: ${step.text} (${seconds(nowMs() - step.startedMs, 0)})`)
    const text = steps.length === 0 ? '' : cutTo(`  … ${steps.join(' · ')}`, (output.columns || 80) - 1)
    if (text === live) return
    output.write(eraseLine + (text === '' ? '' : paint('dim', text)))
    live = text
  }
  const line = (text = ''): void => {
    output.write(`${live === '' ? '' : eraseLine}${text}\n`)
    live = ''
    showLive()
  }
  const sayLongOnes = (): void => {
    if (output.isTTY) return
    for (const step of open) {
      if (nowMs() - step.saidMs < sayEveryMs) continue
      step.saidMs = nowMs()
      line(`  … ${step.name}: ${step.text} (${seconds(nowMs() - step.startedMs, 0)})`)
    }
  }
  const ticker = setInterval(() => {
    showLive()
    sayLongOnes()
  }, liveEveryMs)

  return {
    line,
    paint,
    step(name) {
      const startedMs = nowMs()
      const step: OpenStep = { name, text: 'starting', startedMs, saidMs: startedMs }
      open.add(step)
      showLive()
      return {
        progress(text) {
          step.text = text
          showLive()
        },
        done(detail) {
          if (!open.delete(step)) return
          const took = paint('dim', `(${seconds(nowMs() - startedMs, 1)})`)
          line(`  ${paint('green', '✓')} ${name.padEnd(nameWidth)} ${detail} ${took}`)
        },
        end() {
          open.delete(step)
          showLive()
        },
      }
    },
    close() {
      clearInterval(ticker)
      open.clear()
      showLive()
    },
  }
}

/** Answers milliseconds as seconds: "3.4 s". */
export function seconds(ms: number, digits: number): string {
  return `${(ms / 1_000).toFixed(digits)} s`
}

/** Answers the local time of day of a wall-clock time: 20:15:03.123. */
export function timeOfDay(wallMs: number): string {
  const at = new Date(wallMs)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`
}

function cutTo(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`
}
