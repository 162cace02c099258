// A server that answers 200 to every request and does nothing else, a process of its own: what it is sent shows what the sender
// can send. It prints its port as one line of JSON.

import { type AddressInfo, createServer } from 'node:net'
import { RequestReader, wireAnswer } from '../http-wire.ts'

const answer = wireAnswer(200, '{"status":"success"}')

const server = createServer({ noDelay: true }, (socket) => {
  const reader = new RequestReader()
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    for (const _ of reader.take(chunk)) socket.write(answer)
  })
})
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })))
