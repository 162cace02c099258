// The spool's thread: has the database, and does one thing after the other. What is thrown here is a bug: it ends the
// thread, and the spool says so.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { SpoolDatabase } from './spool-database.ts'
import { type Answer, type Answered, type Asked, type Opening, pack, type Request, unpack } from './spool-messages.ts'

/** A spool that nothing waits in is tidied once it has been left alone for so long, in milliseconds. */
const tidyAfterMs = 200

if (parentPort === null) throw new Error('this runs as a thread only')
const opened = SpoolDatabase.open(workerData as { folder: string; bytesMax: number })
if (opened.kind === 'open') serve(opened.database, parentPort)
else parentPort.postMessage(opened satisfies Opening)

function serve(database: SpoolDatabase, port: MessagePort): void {
  let tidying: NodeJS.Timeout | undefined
  const tidy = () => {
    if (database.tidy()) tidying = setTimeout(tidy)
  }
  port.on('message', ({ call, request }: Asked) => {
    clearTimeout(tidying)
    if (request.kind === 'close') {
      database.close()
      port.close()
      return
    }
    const answer = perform(database, request)
    const handedOver = answer.kind === 'rows' ? [answer.rows.bodies.buffer] : []
    port.postMessage({ call, answer, state: database.state } satisfies Answered, handedOver)
    if (database.isEmpty) tidying = setTimeout(tidy, tidyAfterMs)
  })
  if (database.isEmpty) tidying = setTimeout(tidy, tidyAfterMs)
  port.postMessage({ kind: 'open', state: database.state } satisfies Opening)
}

function perform(database: SpoolDatabase, request: Exclude<Request, { kind: 'close' }>): Answer {
  switch (request.kind) {
    case 'append': {
      const kepts = unpack(request.kepts)
      const because = request.quarantineBecause
      return { kind: 'appended', appended: database.append(kepts, because) }
    }
    case 'read': {
      const read = database.read(request.destination, request.afterId, request)
      return read.kind === 'rows' ? { kind: 'rows', rows: pack(read.rows) } : read
    }
    case 'removeTo':
      return database.removeTo(request.destination, request.id)
    case 'quarantine':
      return database.quarantine(request.id, request.because)
  }
}
