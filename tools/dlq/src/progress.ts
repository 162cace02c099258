// Owns how long work shows that it goes on: on a terminal one line that is drawn anew, elsewhere a line every ten seconds. Both on
// standard error, so that results can be piped.

export type Progress = {
  update(text: string): void
  /** Takes the line away, so that something else can be told. */
  clear(): void
}

const drawEveryMs = 100
const tellEveryMs = 10_000

export function processProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const everyMs = stream.isTTY ? drawEveryMs : tellEveryMs
  let shownMs = stream.isTTY ? Number.NEGATIVE_INFINITY : performance.now()
  let isDrawn = false
  return {
    update(text) {
      const nowMs = performance.now()
      if (nowMs - shownMs < everyMs) return
      shownMs = nowMs
      if (!stream.isTTY) return void stream.write(`${text}\n`)
      stream.write(`\r\u001b[K${text.slice(0, stream.columns - 1)}`)
      isDrawn = true
    },
    clear() {
      if (isDrawn) stream.write('\r\u001b[K')
      isDrawn = false
    },
  }
}
