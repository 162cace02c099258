// How a simulated world says that a law was broken.

/** What was violated: a law of DESIGN.md, its table of answers, or that everything ends. */
export type OracleName =
  | 'L1 no loss'
  | 'L2 order'
  | 'L3 isolation'
  | 'L4 limit'
  | 'L5 idempotence'
  | 'L6 bounds'
  | 'answers'
  | 'liveness'
  | 'contact'

export class SimulationFailure extends Error {
  readonly oracle: OracleName

  constructor(oracle: OracleName, message: string) {
    super(message)
    this.oracle = oracle
  }
}

/** Ends the world: `oracle` was violated. */
export function fail(oracle: OracleName, message: string): never {
  throw new SimulationFailure(oracle, message)
}
