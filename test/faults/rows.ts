// The table's rows, in its order.

import type { Row } from './row.ts'
import { kafkaRows } from './rows/kafka.ts'

export const rows: readonly Row[] = [...kafkaRows]
