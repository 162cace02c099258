// The hash by which Java's producer chooses a partition: murmur2 over the key's bytes, in 32-bit integers. kafkajs computes the
// same with BigInt, at many times the cost.

const seed = 0x9747b28c
const multiplier = 0x5bd1e995

/** The hash as a signed 32-bit integer. */
export function murmur2(key: Buffer): number {
  const { length } = key
  const whole = length & ~3
  let hash = seed ^ length
  for (let at = 0; at < whole; at += 4) {
    const mixed = Math.imul(key.readInt32LE(at), multiplier)
    hash = Math.imul(hash, multiplier) ^ Math.imul(mixed ^ (mixed >>> 24), multiplier)
  }
  const rest = length - whole
  if (rest > 0) hash = Math.imul(hash ^ key.readUIntLE(whole, rest), multiplier)
  hash = Math.imul(hash ^ (hash >>> 13), multiplier)
  return hash ^ (hash >>> 15)
}

/** The partition of a key, the same that Java's default partitioner chooses. */
export function partitionOfKey(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}
