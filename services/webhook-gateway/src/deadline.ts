// The one wait of the gateway: for an outcome, until a moment. Moments are of `performance.now()`, in milliseconds.

/** Answers what the promise resolves to, or `late` once `byMs` has come. The promise itself goes on. */
export function by<T, const L>(byMs: number, promise: Promise<T>, late: L): Promise<T | L> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(late), Math.max(0, byMs - performance.now()))
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
