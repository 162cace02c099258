// The sender of webhooks, a process of its own: signs them before anything is measured, and sends them to a port (send.ts).
//
//   POST /sign { count }            makes so many webhooks, with the one key of this process
//   POST /send { from, count, … }   sends some of them (Send), and answers a SendReport once all are answered
//
// It prints its control port and its public key as one line of JSON, and ends with the process that started it.

import { signingKey } from '../../support/webhooks.ts'
import { listenForControl } from '../control.ts'
import { type SendOptions, sendAll } from './send.ts'
import { webhookRequest } from './webhooks.ts'

/** What it prints. `publicKey` is PEM. */
export type SenderTold = { controlPort: number; publicKey: string }
/** Which of the webhooks that were signed, and how they are sent. */
export type Send = SendOptions & { from: number; count: number }

const key = signingKey()
let requests: Buffer[] = []

const controlPort = await listenForControl({
  '/sign': (asked) => {
    const { count } = asked as { count: number }
    requests = Array.from({ length: count }, (_, number) => webhookRequest(number, key))
    return {}
  },
  '/send': (asked) => {
    const { from, count, ...options } = asked as Send
    if (from + count > requests.length) throw new Error(`only ${requests.length} webhooks are signed`)
    return sendAll(requests.slice(from, from + count), options)
  },
})
console.log(JSON.stringify({ controlPort, publicKey: key.pem } satisfies SenderTold))
