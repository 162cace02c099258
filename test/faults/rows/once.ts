// The course of most rows: one fault, and what it takes to recover from it.

import type { World } from '../world.ts'

export async function once(world: World, what: string, fault: () => Promise<unknown>): Promise<void> {
  await world.phase(what, fault)
  await world.recovered()
}
