// Owns how the examples are made ready to run: their dependencies, in the versions that they pin, and what is compiled. All of it
// is under .local/interop and in the tools' own caches; what has not changed since the last time is not made again.

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findJava } from '@bridge/local-kafka/java'
import { localFolder } from '@bridge/local-kafka/maven'
import { answers, run } from './programs.ts'

export const root = join(import.meta.dirname, '../..')
export const examples = join(root, 'examples')
export const schemas = join(root, 'libs/schemas/schemas')
/** Schemas of a producer who has its own: with ids as integers, and more. */
export const ownSchemas = join(import.meta.dirname, 'schemas')
const folder = join(localFolder, 'interop')

/** Downloads included. */
const prepareDeadlineMs = 10 * 60_000

/** `missing`: a toolchain that is not on this machine; `broken`: one that is there, and fails. */
export type Prepared<T> = { kind: 'ready'; with: T } | { kind: 'missing' | 'broken'; why: string }

async function filesOf(...paths: string[]): Promise<string[]> {
  const found: string[] = []
  for (const path of paths) {
    const inside = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => undefined)
    if (inside === undefined) found.push(path)
    else found.push(...inside.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)))
  }
  return found.sort()
}

/** Runs `make` unless it was done already with the same files. @returns why it failed */
async function once(
  name: string,
  sources: string[],
  make: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const hash = createHash('sha256')
  for (const file of await filesOf(...sources)) hash.update(file).update(await readFile(file))
  const stamp = join(folder, `${name}.stamp`)
  const digest = hash.digest('hex')
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === digest) return undefined
  await mkdir(folder, { recursive: true })
  await rm(stamp, { force: true })
  const why = await make()
  if (why === undefined) await writeFile(stamp, digest)
  return why
}

/** Runs programs one after the other. @returns why one failed */
async function all(...programs: Parameters<typeof run>[0][]): Promise<string | undefined> {
  for (const program of programs) {
    const ended = await run(program, prepareDeadlineMs)
    if (ended.kind === 'failed') return ended.why
  }
  return undefined
}

const ready = <T>(why: string | undefined, what: T): Prepared<T> =>
  why === undefined ? { kind: 'ready', with: what } : { kind: 'broken', why }

/** The Java example, compiled, with the tests' own `Cells` in it. @returns java and the class path */
export async function prepareJava(): Promise<Prepared<{ java: string; classPath: string }>> {
  const java = await findJava(process.env)
  if (java.kind === 'missing') return java
  if (!(await answers('mvn', ['-version']))) return { kind: 'missing', why: 'there is no Maven (mvn)' }
  const source = join(examples, 'java')
  const cells = join(import.meta.dirname, 'java', 'Cells.java')
  const work = join(folder, 'java')
  const why = await once('java', [source, cells, schemas], async () => {
    await rm(work, { recursive: true, force: true })
    await cp(source, work, { recursive: true, filter: (path) => !path.endsWith('/target') })
    await cp(cells, join(work, 'src/main/java/example/Cells.java'))
    const args = ['-q', '-B', `-Dschemas=${schemas}`, 'compile', 'dependency:copy-dependencies']
    return all({ command: 'mvn', args: [...args, '-DoutputDirectory=target/libs'], cwd: work })
  })
  return ready(why, { java: java.command, classPath: `${join(work, 'target/classes')}:${join(work, 'target/libs/*')}` })
}

/** A virtual environment with the Python example's requirements, and the classes of the Protobuf messages. */
export async function preparePython(): Promise<Prepared<{ python: string; classes: string; ownClasses: string }>> {
  if (!(await answers('python3', ['-c', 'import ensurepip, venv'])))
    return { kind: 'missing', why: 'there is no Python with venv' }
  const requirements = join(examples, 'python/requirements.txt')
  const environment = join(folder, 'python')
  const python = join(environment, 'bin/python')
  const classes = join(folder, 'python-classes')
  const ownClasses = join(folder, 'python-own-classes')
  const protoc = (from: string, to: string) => ({
    command: python,
    args: ['-m', 'grpc_tools.protoc', '-I', from, `--python_out=${to}`, 'outbound-message.v1.proto'],
  })
  const installed = await once('python', [requirements], async () => {
    await rm(environment, { recursive: true, force: true })
    return all(
      { command: 'python3', args: ['-m', 'venv', environment] },
      { command: python, args: ['-m', 'pip', 'install', '-q', '-r', requirements] },
    )
  })
  if (installed !== undefined) return { kind: 'broken', why: installed }
  const why = await once('python-classes', [requirements, schemas, ownSchemas], async () => {
    await mkdir(classes, { recursive: true })
    await mkdir(ownClasses, { recursive: true })
    return all(protoc(schemas, classes), protoc(ownSchemas, ownClasses))
  })
  return ready(why, { python, classes, ownClasses })
}

/** The Go example as a program. Go's own cache knows what is to be built anew. */
export async function prepareGo(): Promise<Prepared<{ program: string }>> {
  if (!(await answers('go', ['version']))) return { kind: 'missing', why: 'there is no Go' }
  const program = join(folder, 'go-example')
  await mkdir(folder, { recursive: true })
  return ready(await all({ command: 'go', args: ['build', '-o', program, '.'], cwd: join(examples, 'go') }), {
    program,
  })
}

/** A copy of the Node example with its dependencies. */
export async function prepareNode(): Promise<Prepared<{ folder: string }>> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < 24 || (major === 24 && minor < 6)) return { kind: 'missing', why: 'Node is older than 24.6' }
  const work = join(folder, 'node')
  const why = await once('node', [join(examples, 'node')], async () => {
    await cp(join(examples, 'node'), work, { recursive: true, filter: (path) => !path.includes('node_modules') })
    const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock']
    return all({ command: 'npm', args, cwd: work })
  })
  return ready(why, { folder: work })
}

export async function prepareShell(): Promise<Prepared<{ folder: string }>> {
  if (!(await answers('kcat', ['-V']))) return { kind: 'missing', why: 'there is no kcat' }
  if (!(await answers('jq', ['--version']))) return { kind: 'missing', why: 'there is no jq' }
  return { kind: 'ready', with: { folder: join(examples, 'shell') } }
}
