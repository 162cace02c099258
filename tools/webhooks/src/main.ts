// `npm run webhooks`: administers Partoo's webhooks from the command line. `--help` says the rest.

import { processOutput } from '@bridge/runtime/tool-output'
import { askAtTerminal } from './ask.ts'
import { runWebhooks } from './run.ts'

process.exitCode = await runWebhooks({
  args: process.argv.slice(2),
  env: process.env,
  output: processOutput(),
  ask: askAtTerminal,
})
