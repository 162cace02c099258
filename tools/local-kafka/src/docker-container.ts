// Owns a server in a container, on whatever Docker engine answers.
//
// The container ends with its owner without a reaper image: its first process is the supervisor of owned-process.ts,
// whose standard input is an attached stream of ours (StdinOnce), and it is removed by the engine when it ends. Should an
// engine lose that stream's end, its labels name the owner, and the next start removes what is left behind.

import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { PassThrough } from 'node:stream'
import type { ContainerRuntimeClient } from 'testcontainers'
import { unlessAborted, withinMs } from './deadline.ts'
import { isAlive, supervisorScript } from './owned-process.ts'
import { freePort } from './ports.ts'

const ownerLabel = 'partoo-bridge.local-kafka.owner'

const engineDeadlineMs = 10_000
const callDeadlineMs = 30_000
/** A registry that says nothing for so long is not going to. */
const pullSilenceMs = 45_000
const portAttemptsMax = 3

type Docker = ContainerRuntimeClient['container']['dockerode']
type Container = ReturnType<Docker['getContainer']>

/** What is wanted of an image. */
export type ContainerWanted = {
  image: string
  /** Inside, TCP. */
  port: number
  /** Environment variables. @param address host:port where it is reached from here */
  variables: (address: string) => Record<string, string>
  /** Waits until it serves; answers false when it gives up. */
  isUsable: (address: string, signal: AbortSignal) => Promise<boolean>
}

export type ContainerOptions = {
  /** Used if it is free. */
  preferredPort?: number
  logFile: string
  progress: (line: string) => void
  signal?: AbortSignal
}

/** `address`: host:port. `worthSaying`: there is an engine, so a person would have expected it to work. */
export type ContainerAttempt =
  | { kind: 'up'; address: string; ended: Promise<void>; stop: () => Promise<void> }
  | { kind: 'none'; why: string; worthSaying?: boolean }

/** Starts a container, pulling its image first if need be; or answers why that cannot be. Rejects only when `signal` aborts. */
export async function startContainer(
  wanted: ContainerWanted,
  { preferredPort, logFile, progress, signal }: ContainerOptions,
): Promise<ContainerAttempt> {
  const engine = await findEngine(signal)
  if (!engine) return { kind: 'none', why: 'no Docker engine answers' }
  const { docker, host } = engine
  await removeOrphans(docker)

  const { image } = wanted
  const command = await ensureImage(docker, image, progress, signal)
  if (command.kind === 'missing') return { kind: 'none', why: command.why, worthSaying: true }

  let why = ''
  for (let attempt = 0; attempt < portAttemptsMax; attempt += 1) {
    const port = await freePort(attempt === 0 ? preferredPort : undefined)
    progress(`${image} in Docker, starting on port ${port}`)
    const started = await start(docker, wanted, command.argv, host, port, logFile, signal)
    if (started.kind === 'running') {
      return {
        kind: 'up',
        address: `${host}:${port}`,
        ended: started.ended,
        stop: () => remove(started.container),
      }
    }
    why = started.why
  }
  return { kind: 'none', why, worthSaying: true }
}

async function findEngine(signal: AbortSignal | undefined): Promise<{ docker: Docker; host: string } | undefined> {
  // Loading testcontainers takes half a second, so only where Docker is really asked for. Of it we use the search for an
  // engine (DOCKER_HOST, contexts, Docker Desktop, rootless) and where its ports are reached.
  const found = import('testcontainers')
    .then(({ getContainerRuntimeClient }) => getContainerRuntimeClient())
    .catch(() => 'none' as const)
  const client = await unlessAborted(withinMs(engineDeadlineMs, found), signal)
  if (client === 'late' || client === 'none') return undefined
  const docker = client.container.dockerode
  // An engine on this machine publishes its ports here. testcontainers takes a machine with /.dockerenv for a container, and
  // then names the bridge's gateway, even where the engine runs beside us.
  const name = docker.info().then(
    ({ Name }: { Name?: string }) => Name ?? '',
    () => '',
  )
  const isHere = (await unlessAborted(withinMs(callDeadlineMs, name), signal)) === hostname()
  const { host } = client.info.containerRuntime
  return { docker, host: isHere || host === 'localhost' ? '127.0.0.1' : host }
}

/** Removes containers of owners on this machine that are gone. Best effort: the engine removes them itself, as a rule. */
async function removeOrphans(docker: Docker): Promise<void> {
  const containers = await docker.listContainers({ all: true, filters: { label: [ownerLabel] } }).catch(() => [])
  for (const { Id, Labels } of containers) {
    const [machine, pid] = (Labels[ownerLabel] ?? '').split('/')
    if (machine === hostname() && !isAlive(Number(pid))) await remove(docker.getContainer(Id))
  }
}

type Command = { kind: 'there'; argv: string[] } | { kind: 'missing'; why: string }

/** Answers the image's own command, pulling the image when it is not there. */
async function ensureImage(
  docker: Docker,
  image: string,
  progress: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<Command> {
  const inspect = async (): Promise<string[] | undefined> => {
    const found = await docker
      .getImage(image)
      .inspect()
      .catch(() => undefined)
    if (found === undefined) return undefined
    return [found.Config.Entrypoint, found.Config.Cmd].flatMap((words) => words ?? [])
  }
  const there = await inspect()
  if (there?.length) return { kind: 'there', argv: there }
  progress(`pulling ${image}`)
  const problem = await pull(docker, image, progress, signal)
  const argv = problem === undefined ? await inspect() : undefined
  if (argv?.length) return { kind: 'there', argv }
  return { kind: 'missing', why: `Docker has no image ${image} and cannot pull it (${problem ?? 'it has no command'})` }
}

/** Pulls the image; answers what went wrong, if anything did. Gives up on a registry that falls silent. */
async function pull(
  docker: Docker,
  image: string,
  progress: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), pullSilenceMs)
  const heard = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(), pullSilenceMs)
  }
  const abortSignal = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal
  try {
    const stream = await unlessAborted(docker.pull(image, { abortSignal }), abortSignal)
    const layers = new Map<string, { current: number; total: number }>()
    const finished = new Promise<void>((resolve, reject) => {
      docker.modem.followProgress(
        stream,
        (error) => (error ? reject(error) : resolve()),
        (event: { id?: string; status?: string; progressDetail?: { current?: number; total?: number } }) => {
          heard()
          const { current, total } = event.progressDetail ?? {}
          if (event.id && event.status === 'Downloading' && current && total) layers.set(event.id, { current, total })
          const sum = (part: 'current' | 'total'): number =>
            [...layers.values()].reduce((all, one) => all + one[part], 0)
          if (layers.size > 0)
            progress(`pulling ${image}, ${megabytes(sum('current'))} of ${megabytes(sum('total'))} MB`)
        },
      )
    })
    await unlessAborted(finished, abortSignal)
    return undefined
  } catch (error) {
    signal?.throwIfAborted()
    return silence.signal.aborted ? 'the registry does not answer' : oneLine(error)
  } finally {
    clearTimeout(timer)
  }
}

type Started = { kind: 'running'; container: Container; ended: Promise<void> } | { kind: 'failed'; why: string }

async function start(
  docker: Docker,
  wanted: ContainerWanted,
  imageCommand: string[],
  host: string,
  port: number,
  logFile: string,
  signal: AbortSignal | undefined,
): Promise<Started> {
  let container: Container | undefined
  try {
    container = await withDeadline(docker.createContainer(containerOptions(wanted, imageCommand, host, port)))
    const stream = await withDeadline(
      container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true }),
    )
    await mkdir(dirname(logFile), { recursive: true })
    const log = createWriteStream(logFile)
    const output = new PassThrough()
    docker.modem.demuxStream(stream, output, output)
    output.pipe(log)
    stream.on('error', () => {})
    const ended = new Promise<'ended'>((resolve) => {
      for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve('ended'))
    })
    void ended.then(() => output.end())
    await withDeadline(container.start())

    const stillNeeded = new AbortController()
    const waiting = signal ? AbortSignal.any([signal, stillNeeded.signal]) : stillNeeded.signal
    const outcome = await Promise.race([wanted.isUsable(`${host}:${port}`, waiting), ended])
    stillNeeded.abort()
    if (outcome === true) return { kind: 'running', container, ended: ended.then(() => {}) }
    await remove(container)
    const what = outcome === 'ended' ? 'ended at once' : 'did not answer in time'
    return { kind: 'failed', why: `the container of ${wanted.image} ${what}, see ${logFile}` }
  } catch (error) {
    if (container) await remove(container)
    signal?.throwIfAborted()
    return { kind: 'failed', why: `Docker could not start ${wanted.image} (${oneLine(error)})` }
  }
}

function containerOptions(
  { image, port: inside, variables }: ContainerWanted,
  imageCommand: string[],
  host: string,
  port: number,
): Parameters<Docker['createContainer']>[0] {
  const set = Object.entries(variables(`${host}:${port}`)).map(([name, value]) => `${name}=${value}`)
  const insidePort = `${inside}/tcp`
  return {
    Image: image,
    Entrypoint: [],
    Cmd: ['sh', '-c', supervisorScript, 'supervisor', ...imageCommand],
    Env: [...set, 'REMOVE_AT_END='],
    Labels: { [ownerLabel]: `${hostname()}/${process.pid}` },
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    ExposedPorts: { [insidePort]: {} },
    HostConfig: {
      AutoRemove: true,
      // An engine on this machine needs to serve nobody else.
      PortBindings: { [insidePort]: [{ HostIp: host === '127.0.0.1' ? host : '', HostPort: String(port) }] },
    },
  }
}

/** Removes a container whatever its state, and waits until it is gone; one that is gone already is fine. */
async function remove(container: Container): Promise<void> {
  await withDeadline(container.remove({ force: true, v: true })).catch(() => {})
  const endMs = performance.now() + 10_000
  while (performance.now() < endMs) {
    const found = await container.inspect().then(
      () => true,
      () => false,
    )
    if (!found) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function withDeadline<T>(promise: Promise<T>): Promise<T> {
  const outcome = await withinMs(callDeadlineMs, promise)
  if (outcome === 'late') throw new Error('the Docker engine does not answer')
  return outcome
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_000_000)
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text
    .replace(/^\(HTTP code \d+\) [^-]*- /, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
}
