// Owns the expected failure of an operation on the simulated Partoo; the API and the control API each give it a status.

/** What is wrong, in words for the one who asked. */
export type Refused = { kind: 'refused'; reason: 'not-found' | 'not-allowed' | 'invalid' | 'full'; message: string }

export const refuse = (reason: Refused['reason'], message: string): Refused => ({ kind: 'refused', reason, message })
