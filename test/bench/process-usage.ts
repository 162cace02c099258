// What a process of this machine costs, seen from outside: processor time and resident memory. From /proc on Linux, where
// a process's user and system time of all its threads count; from ps elsewhere.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const hasProc = existsSync('/proc/self/stat')
/** Linux tells processor time in hundredths of a second, on every machine that Node runs on. */
const tickMs = 10

/** Processor time of a process since it began, in milliseconds. Throws where there is no such process. */
export function cpuMsOf(pid: number): number {
  if (hasProc) return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  return parsePsTime(execFileSync('ps', ['-o', 'time=', '-p', String(pid)], { encoding: 'utf8' }))
}

/** Resident memory in bytes: now, and the most it ever was (null where the system does not tell). */
export function memoryOf(pid: number): { residentBytes: number; peakBytes: number | null } {
  if (hasProc) return parseStatus(readFileSync(`/proc/${pid}/status`, 'latin1'))
  const kilobytes = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }))
  return { residentBytes: kilobytes * 1_024, peakBytes: null }
}

/** Of /proc/<pid>/stat: utime and stime. The command's name, in brackets, may hold anything. */
export function parseStat(text: string): number {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * tickMs
}

/** Of /proc/<pid>/status: VmRSS and VmHWM. */
export function parseStatus(text: string): { residentBytes: number; peakBytes: number | null } {
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)
  const peak = kilobytes('VmHWM')
  return { residentBytes: kilobytes('VmRSS') * 1_024, peakBytes: peak === 0 ? null : peak * 1_024 }
}

/** What ps prints: [[days-]hours:]minutes:seconds[.hundredths]. */
export function parsePsTime(text: string): number {
  const [time = '0', days = '0'] = text.trim().split('-').reverse()
  const seconds = time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return (Number(days) * 86_400 + seconds) * 1_000
}
