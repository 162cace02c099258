// Whether the memory of this process lasts for a full backlog: what is held is on the heap, and where that is too small Node ends the
// process in the middle of it.

import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

/** What Node may take for objects, and the process in all. */
export type Memory = { heapBytes: number; bytes: number }

/** What the process takes beside admitted records, measured with a full backlog of small and of large ones; of the heap with room to collect garbage. */
const besideBytes = { heap: 96 * 1024 * 1024, all: 176 * 1024 * 1024 }
/**
 * Of the heap's limit, what the young generation has at most where Node chooses by the memory that there is. Where
 * --max-old-space-size is set it may be more: then the check lets pass some heaps that are too small.
 */
const youngShare = 1 / 8

/** The memory of this process: of its container, where that has less than the machine. */
export function ownMemory(): Memory {
  const constrained = process.constrainedMemory()
  return {
    heapBytes: getHeapStatistics().heap_size_limit,
    bytes: constrained > 0 ? Math.min(constrained, totalmem()) : totalmem(),
  }
}

/** Problems where it does not last, one line each, that say what to set. */
export function checkMemory(admittedBytesMax: number | undefined, memory: Memory): string[] {
  if (admittedBytesMax === undefined) return []
  const mebibytes = (bytes: number) => Math.ceil(bytes / 1024 / 1024)
  const needed = admittedBytesMax + besideBytes.all
  if (memory.bytes < needed) {
    return [
      `ADMITTED_BYTES_MAX needs ${mebibytes(needed)} MiB of memory, and this process may have ${mebibytes(memory.bytes)}: give it more, or lower it`,
    ]
  }
  const heap = admittedBytesMax + besideBytes.heap
  if (memory.heapBytes * (1 - youngShare) >= heap) return []
  return [
    `ADMITTED_BYTES_MAX needs a heap of ${mebibytes(heap)} MiB, and Node takes less, half of the memory that there is: ` +
      `set NODE_OPTIONS=--max-old-space-size=${mebibytes(heap)}, or lower it`,
  ]
}
