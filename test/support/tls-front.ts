// A server's TLS, in front of one that speaks none: what terminates it in a data centre. Connections can be told to be ended, as
// after a certificate was renewed.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createServer, type Server } from 'node:tls'

export class TlsFront {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
  }

  /** @param port of this machine, where it leads. @param files PEM */
  static async start(port: number, files: { cert: string; key: string }): Promise<TlsFront> {
    const server = createServer(pemOf(files), (socket) => {
      const onward = connect(port, '127.0.0.1')
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        one.on('error', () => other.destroy())
        one.on('close', () => other.destroy())
        one.pipe(other)
      }
    })
    const front = new TlsFront(server)
    server.on('connection', (socket: Socket) => {
      front.#sockets.add(socket)
      socket.on('close', () => front.#sockets.delete(socket))
    })
    server.on('tlsClientError', () => undefined)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return front
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Shows another certificate from now on, to whoever connects; ends the connections there are. */
  renew(files: { cert: string; key: string }): void {
    this.#server.setSecureContext(pemOf(files))
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

function pemOf({ cert, key }: { cert: string; key: string }) {
  return { cert: readFileSync(cert), key: readFileSync(key) }
}
