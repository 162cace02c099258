// A proxy as companies have them between themselves and the Internet: tunnels (CONNECT) and requests told whole, a login if one is
// set, names that only it can resolve. It tells what it was asked, and what it saw go by.

import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'

export type HttpProxyOptions = {
  /** `host:port` as it is asked for → the port of this machine that it leads to. Anything else is answered 502. */
  names: Record<string, number>
  /** user:password; undefined: anybody may. */
  login?: string | undefined
  /** PEM; with it the proxy itself is reached by TLS. */
  tls?: { key: string; cert: string }
}

export class HttpProxy {
  readonly #options: HttpProxyOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** What it was asked, a line each: `CONNECT host:port` or `GET http://…`, and what it answered. */
  readonly asked: string[] = []
  /** Bytes that went by, both ways, as they were. */
  readonly seen: Buffer[] = []
  /** What it answers instead of letting anybody through; null: it lets through. `hang`: nothing. `close`: it hangs up. */
  refuses: number | 'hang' | 'close' | null = null
  /** user:password that it asks for; undefined: none. */
  login: string | undefined

  private constructor(options: HttpProxyOptions) {
    this.#options = options
    this.login = options.login
    const answer = (asking: IncomingMessage, response: ServerResponse) => this.#forward(asking, response)
    this.#server = options.tls === undefined ? createServer(answer) : createSecureServer(options.tls, answer)
    this.#server.on('connect', (asking, socket: Socket, head) => this.#tunnel(asking, socket, head))
    this.#server.on('connection', (socket: Socket) => this.#keep(socket))
  }

  static async start(options: HttpProxyOptions): Promise<HttpProxy> {
    const proxy = new HttpProxy(options)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Throws out whoever is connected. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Notes what is asked. @returns what it is to be answered, or where it leads */
  #judge(asking: IncomingMessage, authority: string): { status: number | 'hang' | 'close' } | { port: number } {
    const given = asking.headers['proxy-authorization']
    const wanted = this.login === undefined ? undefined : `Basic ${Buffer.from(this.login).toString('base64')}`
    const port = this.#options.names[authority]
    const status = this.refuses ?? (wanted !== undefined && given !== wanted ? 407 : port === undefined ? 502 : 200)
    this.asked.push(`${asking.method} ${asking.url} → ${status}`)
    return status === 200 && port !== undefined ? { port } : { status }
  }

  #tunnel(asking: IncomingMessage, socket: Socket, head: Buffer): void {
    const judged = this.#judge(asking, asking.url ?? '')
    socket.on('error', () => socket.destroy())
    if ('status' in judged) {
      if (judged.status === 'close') socket.destroy()
      else if (judged.status !== 'hang') socket.end(`HTTP/1.1 ${judged.status} Refused\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    const server = this.#keep(connect(judged.port, '127.0.0.1'))
    server.on('error', () => socket.destroy())
    server.on('close', () => socket.destroy())
    socket.on('close', () => server.destroy())
    server.once('connect', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      if (head.length > 0) server.write(head)
      for (const [from, to] of [
        [socket, server],
        [server, socket],
      ] as const) {
        from.on('data', (chunk: Buffer) => this.seen.push(Buffer.from(chunk)))
        from.pipe(to)
      }
    })
  }

  #forward(asking: IncomingMessage, response: ServerResponse): void {
    const url = new URL(asking.url ?? '', 'http://not-told-whole')
    const judged = this.#judge(asking, url.host)
    if ('status' in judged) {
      if (judged.status === 'close') response.destroy()
      else if (judged.status !== 'hang') response.writeHead(judged.status).end()
      return
    }
    const { 'proxy-authorization': _, ...headers } = asking.headers
    const options = { port: judged.port, method: asking.method, path: url.pathname + url.search, headers }
    const onward = request({ host: '127.0.0.1', ...options }, (answered) => {
      response.writeHead(answered.statusCode ?? 500, answered.headers)
      answered.pipe(response)
    })
    onward.on('error', () => response.destroy())
    asking.pipe(onward)
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    return socket
  }
}
