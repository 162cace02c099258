// `npm run topics`: compares the topics of the bridge with what they should be, and creates them. `--help` says the rest.

import { processOutput } from '@bridge/runtime/tool-output'
import { runTopics } from './run.ts'

process.exitCode = await runTopics({ args: process.argv.slice(2), env: process.env, output: processOutput() })
