// `npm run schemas`: compares the schemas of the bridge with those of a registry, and registers them. `--help` says the rest.

import { processOutput } from '@bridge/runtime/tool-output'
import { runSchemas } from './run.ts'

process.exitCode = await runSchemas({ args: process.argv.slice(2), env: process.env, output: processOutput() })
