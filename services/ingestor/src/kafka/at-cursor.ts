// The gate's rule (K2): a batch counts only if it was fetched at the cursor. One that was fetched before a rejoin may come after
// it, and would move the cursor past what was not read.

/** @param fetchedOffset where the fetch began, as kafkajs tells it @param cursor where reading is to go on */
export function isAtCursor(fetchedOffset: string | number, cursor: number): boolean {
  return Number(fetchedOffset) === cursor
}
