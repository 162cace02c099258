// Owns the rule that no program started here outlives the process that started it, not even when that one is SIGKILLed.
//
// A small `sh` supervisor runs between owner and program, in a session of its own (so that a Ctrl-C at the terminal
// reaches the owner only, who then stops things in its own order). The supervisor's standard input is a pipe from the
// owner; whatever ends the owner closes that pipe, and at its end-of-file the supervisor kills the program.
//
//   1. The program gets no terminal and no pipe of ours: its standard input is /dev/null.
//   2. When the pipe ends: SIGTERM to the whole group (the supervisor ignores it), then SIGKILL to the program at once.
//      Whoever wants a slow, orderly end sends `terminate()` first and stops after a while.
//   3. When the program ends by itself the supervisor ends with the same exit code (128 + the number for a signal).
//   4. Either way a folder named at start is removed last, so that it is gone once the supervisor is.
//
// POSIX sh only: Linux, macOS, WSL.

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { withinMs } from './deadline.ts'

/** The supervisor: `sh -c supervisorScript <name> <command> [arguments]`. A container may run it too. */
export const supervisorScript = `
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
trap '' HUP INT TERM
{ while read -r _; do :; done; kill -TERM 0; kill -KILL "$child"; } <&3 2>/dev/null &
watcher=$!
exec 3<&-
wait "$child"
status=$?
kill -KILL "$watcher"
[ -z "$REMOVE_AT_END" ] || rm -rf -- "$REMOVE_AT_END"
exit "$status"
`

/** A supervisor that does not do its work within that (stopped by hand, say) is killed with all its group. */
const supervisorDeadlineMs = 2_000

export type OwnedProcess = {
  /** The supervisor's, which is also the id of the process group. */
  readonly pid: number
  /** Standard output and error, where `stdio` said 'pipe'. */
  readonly stdout: ChildProcess['stdout']
  readonly stderr: ChildProcess['stderr']
  /** Resolves once supervisor and program are gone; `code` is null where the supervisor itself was killed. */
  readonly exited: Promise<{ code: number | null }>
  /** Asks the program to end (SIGTERM) and returns at once. */
  terminate(): void
  /** Kills the program and resolves once it is gone. Twice is fine. */
  stop(): Promise<void>
}

export type OwnedProcessOptions = {
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** What becomes of the program's standard output and error: 'pipe', 'ignore' or a file descriptor. */
  stdout?: 'pipe' | 'ignore' | number
  stderr?: 'pipe' | 'ignore' | number
  /** A folder that is removed when the program has ended. */
  removeAtEnd?: string
}

/** Starts `command` so that it ends no later than this process. Throws when there is no `sh`. */
export function startOwned(command: string, args: readonly string[], options: OwnedProcessOptions = {}): OwnedProcess {
  const stdio: StdioOptions = ['pipe', options.stdout ?? 'ignore', options.stderr ?? 'ignore']
  const child = spawn('sh', ['-c', supervisorScript, 'supervisor', command, ...args], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...(options.env ?? process.env), REMOVE_AT_END: options.removeAtEnd ?? '' },
    stdio,
    detached: true,
  })
  const { pid, stdin } = child
  if (pid === undefined || stdin === null) throw new Error('sh could not be started')
  // The supervisor reads nothing and may be gone before us: a broken pipe here says only that.
  stdin.on('error', () => {})
  const exited = new Promise<{ code: number | null }>((resolve) => {
    child.on('exit', (code) => {
      stdin.destroy()
      // A supervisor killed by hand could not kill the program: the group is what is left of it.
      if (code === null) signalGroup(pid, 'SIGKILL')
      resolve({ code })
    })
  })
  return {
    pid,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    terminate: () => signalGroup(pid, 'SIGTERM'),
    async stop() {
      stdin.end()
      if ((await withinMs(supervisorDeadlineMs, exited)) !== 'late') return
      signalGroup(pid, 'SIGKILL')
      await exited
    },
  }
}

/** Names the signal behind an exit code of the supervisor, for a person: "exit code 1", "SIGKILL". */
export function describeExit(code: number | null): string {
  if (code === null) return 'SIGKILL'
  const signal = Object.entries(constants.signals).find(([, number]) => code === 128 + number)
  return signal ? signal[0] : `exit code ${code}`
}

/** Answers whether a process of this machine has that id. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // The group is gone already, which is what the signal was for.
  }
}
