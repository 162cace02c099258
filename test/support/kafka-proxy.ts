// A way to Kafka that can be cut, frozen and opened again. Kafka tells its clients its own address; the proxy puts its own
// in that place, so that clients keep coming through it. One broker, plain text.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'

/**
 * `open`: all passes. `cut`: nobody is let in, and who was in is thrown out. `frozen`: nobody gets a byte through.
 * A connection that is forgotten stays frozen for ever, like one whose state a firewall has dropped; new ones are open.
 */
export type ProxyState = 'open' | 'cut' | 'frozen'

export class KafkaProxy {
  readonly #broker: { host: string; port: number }
  readonly #connections = new Set<{ client: Socket; broker: Socket }>()
  readonly #forgotten = new Set<{ client: Socket; broker: Socket }>()
  #server: Server | undefined
  #port = 0
  #state: ProxyState = 'cut'

  /** @param broker host:port, as Kafka advertises it */
  constructor(broker: string) {
    const [host = '', port = ''] = broker.split(':')
    this.#broker = { host, port: Number(port) }
  }

  /** Whether there can be one: it takes the broker's host for its own, and so must be on the same machine. */
  static isPossible(broker: string): boolean {
    const host = broker.split(':')[0] ?? ''
    const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
    return host === 'localhost' || own.some(({ address }) => address === host)
  }

  /** A proxy in front of a broker, open. */
  static async start(broker: string): Promise<KafkaProxy> {
    const proxy = new KafkaProxy(broker)
    await proxy.set('open')
    return proxy
  }

  /** host:port for clients; it stays the same. */
  get address(): string {
    return `${this.#broker.host}:${this.#port}`
  }

  async set(state: ProxyState): Promise<void> {
    this.#state = state
    if (state === 'cut') {
      await this.#stopListening()
      return
    }
    for (const { client, broker } of this.#connections) {
      for (const socket of [client, broker]) state === 'frozen' ? socket.pause() : socket.resume()
    }
    if (this.#server === undefined) await this.#listen()
  }

  /** Forgets the connections that there are; the state stays. */
  forget(): void {
    for (const { client, broker } of this.#connections) {
      for (const socket of [client, broker]) socket.pause()
    }
    for (const connection of this.#connections) this.#forgotten.add(connection)
    this.#connections.clear()
  }

  async close(): Promise<void> {
    for (const connection of this.#forgotten) this.#connections.add(connection)
    this.#forgotten.clear()
    await this.set('cut')
  }

  async #listen(): Promise<void> {
    const server = createServer((client) => this.#join(client))
    this.#server = server
    server.listen(this.#port, this.#broker.host)
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  async #stopListening(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const { client, broker } of this.#connections) {
      client.resetAndDestroy()
      broker.destroy()
    }
    if (server === undefined) return
    server.close()
    await once(server, 'close')
  }

  #join(client: Socket): void {
    const broker = connect(this.#broker.port, this.#broker.host)
    const connection = { client, broker }
    this.#connections.add(connection)
    const end = () => {
      this.#connections.delete(connection)
      this.#forgotten.delete(connection)
      client.destroy()
      broker.destroy()
    }
    for (const socket of [client, broker]) socket.on('error', end).on('close', end)
    client.on('data', (chunk) => broker.write(chunk))
    let rest: Buffer = Buffer.alloc(0)
    broker.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      // A frame is four bytes of length and as many bytes; only whole ones are passed on.
      while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
        const end = 4 + rest.readInt32BE(0)
        client.write(this.#withOwnPort(rest.subarray(0, end)))
        rest = rest.subarray(end)
      }
    })
    if (this.#state === 'frozen') for (const socket of [client, broker]) socket.pause()
  }

  /** Puts the proxy's port behind the broker's host, wherever an answer names the broker. */
  #withOwnPort(frame: Buffer): Buffer {
    const { host, port } = this.#broker
    const named = Buffer.alloc(2 + host.length + 4)
    named.writeInt16BE(host.length, 0)
    named.write(host, 2)
    named.writeInt32BE(port, 2 + host.length)
    for (let at = frame.indexOf(named); at >= 0; at = frame.indexOf(named, at + 1)) {
      frame.writeInt32BE(this.#port, at + 2 + host.length)
    }
    return frame
  }
}
