// The golden examples: values of each contract as JSON texts, right and wrong ones, one a file, to be copied by other teams and run
// against every validator of every format. They are read as they are, byte for byte: some have repeated keys, integers that many
// libraries round, half a surrogate pair.
//
//   golden/<contract>/valid/<name>.json
//   golden/<contract>/invalid/<field>.<what is wrong>.json   `value` where it is not about a field
//   golden/<contract>/examples.json                          what each is about, and which format sees it otherwise

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ContractName } from './contracts.ts'
import type { SchemaFileKind } from './schema-files.ts'

/** What a validator says of a value. `changed`: it takes it, but what is read back is another value. */
export type Verdict = 'valid' | 'invalid' | 'changed'

export type GoldenNote = {
  about: string
  /** Of an outbound message: the fields that the bridge reads otherwise than they are written. */
  reads?: Record<string, string>
  /** The same where Protobuf carried it, whose producers write "" for what is absent: see decoding/protobuf-reader.ts. */
  readsFromProtobuf?: Record<string, null>
  /** Of the formats that cannot express the rule: what they say instead. */
  verdicts?: Partial<Record<SchemaFileKind, Verdict>>
  because?: string
}

/** `folder`: what the contract says of it. `name` is without ending. */
export type GoldenExample = { folder: 'valid' | 'invalid'; name: string; text: string; note: GoldenNote }

/** All examples of a contract, valid ones first. A file that `examples.json` does not tell of, or one that is missing, is a bug. */
export function goldenExamples(contract: ContractName): GoldenExample[] {
  const root = new URL(`../golden/${contract}/`, import.meta.url)
  const notes: Record<string, GoldenNote> = JSON.parse(readFileSync(new URL('examples.json', root), 'utf8'))
  const files = (['valid', 'invalid'] as const).flatMap((folder) =>
    readdirSync(fileURLToPath(new URL(folder, root)))
      .sort()
      .map((file) => ({ folder, file, path: `${folder}/${file}` })),
  )
  const paths = new Set(files.map(({ path }) => path))
  const missing = Object.keys(notes).find((path) => !paths.has(path))
  if (missing !== undefined) throw new Error(`golden/${contract}/examples.json tells of ${missing}, which is not there`)
  return files.map(({ folder, file, path }) => {
    const note = notes[path]
    if (note === undefined) throw new Error(`golden/${contract}/examples.json does not tell of ${path}`)
    return { folder, name: file.replace(/\.json$/, ''), text: readFileSync(new URL(path, root), 'utf8'), note }
  })
}

/** One valid example, by its name. */
export function goldenExample(contract: ContractName, name: string): GoldenExample {
  const found = goldenExamples(contract).find((example) => example.folder === 'valid' && example.name === name)
  if (found === undefined) throw new Error(`golden/${contract}/valid has no ${name}.json`)
  return found
}
