// Owns a way to a port that can be cut, frozen, slowed down and opened again: what a network does to whoever uses it.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/**
 * `open`: all passes. `cut`: nobody is let in, and who was in is thrown out. `frozen`: nobody gets a byte through.
 * A connection that is forgotten stays frozen for ever, like one whose state a firewall has dropped; new ones are open.
 */
export type ProxyState = 'open' | 'cut' | 'frozen'

/** What every connection suffers, each way: how long a byte is under way, and how many a second there is room for. */
export type Slowness = { delayMs: number; bytesPerSecond: number }

/** Makes, for one connection, what becomes of the bytes on their way back; it may keep some for later. */
export type ChangeBack = () => (chunk: Buffer) => Buffer

export type TcpProxyOptions = { host: string; port: number; changeBack?: ChangeBack }

/** Bytes of one connection, one way, that may be under way: beyond, its sender has to wait, as with any network. */
const underWayBytesMax = 256 * 1_024

type Connection = { client: Socket; server: Socket; there: OneWay; back: OneWay }

export class TcpProxy {
  readonly #target: { host: string; port: number }
  readonly #changeBack: ChangeBack
  readonly #connections = new Set<Connection>()
  readonly #forgotten = new Set<Connection>()
  #listener: Server | undefined
  #port = 0
  #state: ProxyState = 'cut'
  #slowness: Slowness | undefined

  /** `host`, `port`: where it leads; it listens on the same host. */
  constructor({ host, port, changeBack = () => (chunk) => chunk }: TcpProxyOptions) {
    this.#target = { host, port }
    this.#changeBack = changeBack
  }

  /** A proxy, open. */
  static async start(options: TcpProxyOptions): Promise<TcpProxy> {
    const proxy = new TcpProxy(options)
    await proxy.set('open')
    return proxy
  }

  /** Where it listens, once it was open; it stays the same. */
  get port(): number {
    return this.#port
  }

  async set(state: ProxyState): Promise<void> {
    this.#state = state
    if (state === 'cut') {
      this.#stopListening()
      return
    }
    for (const { there, back } of this.#connections) for (const way of [there, back]) way.set(state === 'frozen')
    if (this.#listener === undefined) await this.#listen()
  }

  /** How slow it is from now on; undefined: as fast as it can be. */
  slow(slowness: Slowness | undefined): void {
    this.#slowness = slowness
  }

  /** Forgets the connections that there are; the state stays. */
  forget(): void {
    for (const connection of this.#connections) {
      connection.there.set(true)
      connection.back.set(true)
      this.#forgotten.add(connection)
    }
    this.#connections.clear()
  }

  async close(): Promise<void> {
    for (const connection of this.#forgotten) this.#connections.add(connection)
    this.#forgotten.clear()
    await this.set('cut')
  }

  async #listen(): Promise<void> {
    const listener = createServer((client) => this.#join(client))
    this.#listener = listener
    listener.listen(this.#port, this.#target.host)
    await once(listener, 'listening')
    this.#port = (listener.address() as AddressInfo).port
  }

  /** Nobody is let in from here on. Its `close` event is not waited for: it would wait for the forgotten connections too. */
  #stopListening(): void {
    this.#listener?.close()
    this.#listener = undefined
    for (const { client, server } of this.#connections) {
      client.resetAndDestroy()
      server.destroy()
    }
  }

  #join(client: Socket): void {
    const server = connect(this.#target.port, this.#target.host)
    const slowness = () => this.#slowness
    const connection: Connection = {
      client,
      server,
      there: new OneWay(client, server, slowness, (chunk) => chunk),
      back: new OneWay(server, client, slowness, this.#changeBack()),
    }
    this.#connections.add(connection)
    const end = () => {
      this.#connections.delete(connection)
      this.#forgotten.delete(connection)
      for (const way of [connection.there, connection.back]) way.end()
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) socket.setNoDelay(true).on('error', end).on('close', end)
    if (this.#state === 'frozen') for (const way of [connection.there, connection.back]) way.set(true)
  }
}

/** The bytes of a connection that go one way, in order. */
class OneWay {
  readonly #from: Socket
  readonly #to: Socket
  readonly #slowness: () => Slowness | undefined
  readonly #queue: { chunk: Buffer; dueMs: number }[] = []
  #queuedBytes = 0
  #frozen = false
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, slowness: () => Slowness | undefined, change: (chunk: Buffer) => Buffer) {
    this.#from = from
    this.#to = to
    this.#slowness = slowness
    from.on('data', (chunk: Buffer) => this.#take(change(chunk)))
  }

  set(frozen: boolean): void {
    this.#frozen = frozen
    if (frozen) {
      this.#from.pause()
      clearTimeout(this.#timer)
      this.#timer = undefined
    } else {
      this.#from.resume()
      this.#pass()
    }
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#queue.length = 0
  }

  #take(chunk: Buffer): void {
    if (chunk.length === 0) return
    const slowness = this.#slowness()
    // A write, where nothing waits: the way is then as quick as a pipe.
    if (slowness === undefined && this.#queue.length === 0 && !this.#frozen) {
      this.#to.write(chunk)
      return
    }
    const { delayMs, bytesPerSecond } = slowness ?? { delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY }
    const lastMs = this.#queue.at(-1)?.dueMs ?? 0
    const takesMs = (chunk.length / bytesPerSecond) * 1_000
    this.#queue.push({ chunk, dueMs: Math.max(performance.now() + delayMs, lastMs) + takesMs })
    this.#queuedBytes += chunk.length
    if (this.#queuedBytes > underWayBytesMax) this.#from.pause()
    this.#pass()
  }

  /** Passes on what is due, and comes back for the rest. */
  #pass(): void {
    if (this.#frozen || this.#timer !== undefined) return
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const waitMs = head.dueMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined
          this.#pass()
        }, waitMs)
        break
      }
      this.#queue.shift()
      this.#queuedBytes -= head.chunk.length
      this.#to.write(head.chunk)
    }
    if (this.#queuedBytes <= underWayBytesMax) this.#from.resume()
  }
}
