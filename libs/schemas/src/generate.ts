// `npm run generate`: writes the files that are made from the contracts, those that differ, and says which.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { generatedFiles } from './generating/generated-files.ts'

let writtenCount = 0
for (const { path, text } of generatedFiles()) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue
  writeFileSync(path, text)
  writtenCount += 1
  console.log(`written: ${relative(process.cwd(), path)}`)
}
if (writtenCount === 0) console.log('Everything is as the contracts have it.')
