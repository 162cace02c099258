// A way to Kafka that can be cut, frozen, slowed down and opened again. Kafka tells its clients its own address; the proxy puts its
// own in that place, so that clients keep coming through it. One broker, plain text.

import { networkInterfaces } from 'node:os'
import { type ProxyState, type Slowness, TcpProxy } from './tcp-proxy.ts'

export type { ProxyState } from './tcp-proxy.ts'

export class KafkaProxy {
  readonly #host: string
  readonly #proxy: TcpProxy

  /** @param broker host:port, as Kafka advertises it */
  constructor(broker: string) {
    const [host = '', portText = ''] = broker.split(':')
    const port = Number(portText)
    this.#host = host
    const proxy = new TcpProxy({ host, port, changeBack: () => wholeFrames(host, port, () => proxy.port) })
    this.#proxy = proxy
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
    return `${this.#host}:${this.#proxy.port}`
  }

  set(state: ProxyState): Promise<void> {
    return this.#proxy.set(state)
  }

  /** How slow it is from now on; undefined: as fast as it can be. */
  slow(slowness: Slowness | undefined): void {
    this.#proxy.slow(slowness)
  }

  /** Forgets the connections that there are; the state stays. */
  forget(): void {
    this.#proxy.forget()
  }

  close(): Promise<void> {
    return this.#proxy.close()
  }
}

/** Passes on whole frames only, with the proxy's port behind the broker's host wherever an answer names the broker. */
function wholeFrames(host: string, port: number, ownPort: () => number): (chunk: Buffer) => Buffer {
  const named = Buffer.alloc(2 + host.length + 4)
  named.writeInt16BE(host.length, 0)
  named.write(host, 2)
  named.writeInt32BE(port, 2 + host.length)
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const whole: Buffer[] = []
    // A frame is four bytes of length and as many bytes.
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      const frame = rest.subarray(0, end)
      for (let at = frame.indexOf(named); at >= 0; at = frame.indexOf(named, at + 1)) {
        frame.writeInt32BE(ownPort(), at + 2 + host.length)
      }
      whole.push(frame)
      rest = rest.subarray(end)
    }
    return Buffer.concat(whole)
  }
}
