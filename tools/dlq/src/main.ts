// `npm run dlq`: tells of the dead letters, and sends them again. `--help` says the rest.

import { processOutput } from '@bridge/runtime/tool-output'
import { processProgress } from './progress.ts'
import { runDlq } from './run.ts'

// The first Ctrl-C ends it cleanly; a second one at once, as no handler is left.
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort())
// Whoever read this has enough (`npm run dlq -- list | head`).
process.stdout.on('error', () => process.exit(0))

process.exitCode = await runDlq({
  args: process.argv.slice(2),
  env: process.env,
  output: processOutput(),
  progress: processProgress(),
  signal: interrupted.signal,
})
