// Owns the seeded generator behind fault probabilities: the same seed and the same requests draw the same faults.
// The ingestor has the same few lines: the simulator shares no code with what it judges.

/** Mulberry32: a function that answers numbers from 0 (included) to 1 (excluded), the same ones for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
