// Owns the rule that a temporary folder does not outlive the process that made it, not even when that one is SIGKILLed: for
// folders that programs come and go in, so that the end of none of them may remove it (see owned-process.ts for those).

import { spawn } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Waits for the end of its standard input, a pipe from the owner, then removes the folder. It tries for ten seconds: programs
 * that end with the same owner may still write into it.
 */
const keeperScript = `
trap '' HUP INT TERM
while read -r _; do :; done
tries=0
until rm -rf -- "$1" || [ "$tries" -ge 10 ]; do tries=$((tries + 1)); sleep 1; done
`

export type OwnedFolder = {
  readonly path: string
  /** Removes it with all that is in it, and resolves once it is gone. Twice is fine. */
  remove(): Promise<void>
}

/** Makes a folder for temporary files. Throws when there is no `sh`. @param prefix begins its name */
export async function makeOwnedFolder(prefix: string): Promise<OwnedFolder> {
  const path = await mkdtemp(join(tmpdir(), prefix))
  const keeper = spawn('sh', ['-c', keeperScript, 'keeper', path], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  if (keeper.pid === undefined) throw new Error('sh could not be started')
  keeper.stdin.on('error', () => {})
  const gone = new Promise<void>((resolve) => keeper.on('exit', () => resolve()))
  return {
    path,
    remove() {
      keeper.stdin.end()
      return gone
    },
  }
}
