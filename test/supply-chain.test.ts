// Real: package-lock.json, every package.json, the Dockerfile, DESIGN.md. Failure: a dependency that nobody gave a reason for, one that
// is shipped under a licence that was not agreed to, runs a script when it is installed, or could be exchanged unnoticed.
// (Known vulnerabilities: .ci/run asks the registry.)

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

type Locked = {
  license?: string
  integrity?: string
  link?: boolean
  resolved?: string
  hasInstallScript?: boolean
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
}

const root = join(import.meta.dirname, '..')
const text = (file: string) => readFileSync(join(root, file), 'utf8')
const locked = (JSON.parse(text('package-lock.json')) as { packages: Record<string, Locked> }).packages
const isForeign = (path: string) => path.includes('node_modules/') && locked[path]?.link !== true
const workspaces = Object.keys(locked).filter((path) => !path.includes('node_modules/'))

/** Folders whose package.json the image installs. */
const shipped = [...text('Dockerfile').matchAll(/^COPY (\S+)\/package\.json /gm)].map(([, folder = '']) => folder)

/** The locked packages that a folder brings with it, as npm finds them: beside it, or further up. */
function closure(folders: string[]): Set<string> {
  const found = new Set<string>()
  const open = [...folders]
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const { dependencies, optionalDependencies } = locked[path] ?? {}
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const at = resolve(path, name)
      if (at === undefined || found.has(at)) continue
      found.add(at)
      open.push(at)
    }
  }
  return new Set([...found].filter(isForeign))
}

/** undefined: not locked, as with optional packages of another platform. */
function resolve(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    const at = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
    const entry = locked[at]
    if (entry !== undefined) return entry.link ? entry.resolved : at
    if (folder === '') return undefined
  }
}

const product = closure(shipped)
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

test('little is shipped', () => {
  expect(shipped.length).toBeGreaterThan(4)
  // Eight direct ones, and what they bring on every platform.
  const perPlatform = /@napi-rs\/snappy-|@antoniomuso\/lz4-napi-|@emnapi|@napi-rs\/wasm|@tybys/
  const names = [...new Set([...product].map(nameOf))].filter((name) => !perPlatform.test(name))
  expect(names).toEqual(expect.arrayContaining(['kafkajs', 'undici', 'zod']))
  expect(names.length, names.join()).toBeLessThanOrEqual(40)
})

test('what is shipped is under a licence that asks for nothing but its notice', () => {
  const agreed = new Set(['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0'])
  expect([...product].filter((path) => !agreed.has(locked[path]?.license ?? ''))).toEqual([])
})

test('no script of what is shipped is needed when it is installed', () => {
  // protobufjs has one that looks for a version in the depending package.json; it does without.
  const withScript = [...product].filter((path) => locked[path]?.hasInstallScript)
  expect(withScript.map(nameOf)).toEqual(['protobufjs'])
  expect(text('Dockerfile')).toMatch(/npm install .*--ignore-scripts/)
})

test('every package is locked by its content', () => {
  const foreign = Object.keys(locked).filter(isForeign)
  expect(foreign.length).toBeGreaterThan(100)
  expect(foreign.filter((path) => !locked[path]?.integrity?.startsWith('sha512-'))).toEqual([])
})

test('DESIGN.md gives the reason for every direct dependency, and for no other', () => {
  const direct = new Set(
    workspaces.flatMap((path) => Object.keys({ ...locked[path]?.dependencies, ...locked[path]?.devDependencies })),
  )
  const wanted = [...direct].filter((name) => !name.startsWith('@bridge/') && !name.startsWith('@types/')).sort()
  const table = text('DESIGN.md').split('\n## Dependencies\n')[1]?.split('\n\nNode 24')[0] ?? ''
  const named = [...table.matchAll(/^\| (?:_development:_ )?([^|]+?) +\|/gm)].flatMap(([, names = '']) =>
    names.split(', '),
  )
  expect(named.filter((name) => !/^(package|-+)$/.test(name)).sort()).toEqual(wanted)
})
