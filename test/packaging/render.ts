// Owns the rendering of the chart: by a small Go program with Helm's own engine, built once into .local, that decodes what it renders
// strictly into Kubernetes's types.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'

const root = join(import.meta.dirname, '../..')
const source = join(import.meta.dirname, 'render-chart')
export const chart = join(root, 'deploy/helm/partoo-kafka-bridge')

/** Downloading and compiling Kubernetes's types, on a slow machine. */
export const buildMsMax = 600_000

type Named = { name: string }
export type Container = {
  args: string[]
  env: { name: string; value: string }[]
  ports: { name: string; containerPort: number }[]
  volumeMounts: (Named & { mountPath: string })[]
  securityContext: unknown
  resources: { limits: { memory: string } }
} & Record<'livenessProbe' | 'readinessProbe' | 'startupProbe', { httpGet: { path: string; port: string } }>

export type Manifest = {
  kind: string
  metadata: Named & { labels: Record<string, string> }
  // biome-ignore lint/suspicious/noExplicitAny: Kubernetes's types are checked in Go
  spec: any
}

export type Rendered = { values: string; problems: string[]; manifests: Manifest[] }

export function isGoInstalled(): boolean {
  return spawnSync('go', ['version']).status === 0
}

/** Builds the program unless it is there, for the very same source. @returns its path */
export function buildRenderer(): string {
  const hash = createHash('sha256')
  for (const name of ['go.mod', 'go.sum', 'main.go']) hash.update(readFileSync(join(source, name)))
  const program = join(root, '.local', 'tools', `render-chart-${hash.digest('hex').slice(0, 12)}`)
  if (existsSync(program)) return program
  mkdirSync(join(program, '..'), { recursive: true })
  const built = spawnSync('go', ['build', '-ldflags=-s -w', '-o', program, '.'], { cwd: source, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`the chart's renderer cannot be built: ${built.stderr}`)
  return program
}

/** Renders the chart with each of the values, files or the values themselves. @param folder another chart */
export function render(program: string, values: readonly (string | object)[], folder = chart): Rendered[] {
  const made = mkdtempSync(join(tmpdir(), 'values-'))
  try {
    const files = values.map((each, i) => {
      if (typeof each === 'string') return each
      const file = join(made, `${i}.yaml`)
      writeFileSync(file, stringify(each))
      return file
    })
    const { stdout, stderr } = spawnSync(program, [folder, ...files], { encoding: 'utf8', maxBuffer: 50_000_000 })
    if (stdout === '') throw new Error(stderr)
    return JSON.parse(stdout) as Rendered[]
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
}
