// The table's rows, in its order.

import type { Row } from './row.ts'
import { diskRows } from './rows/disks.ts'
import { kafkaRows } from './rows/kafka.ts'
import { partooRows } from './rows/partoo.ts'
import { producerRows } from './rows/producers.ts'
import { registryRows } from './rows/registry.ts'
import { replicaRows } from './rows/replicas.ts'

export const rows: readonly Row[] = [
  ...kafkaRows,
  ...replicaRows,
  ...diskRows,
  ...partooRows,
  ...registryRows,
  ...producerRows,
]
