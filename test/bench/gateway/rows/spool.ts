// The gateway with a spool folder, while Kafka takes everything: what having the spool costs where it is not needed. Told, not
// judged.

import type { Row } from '../../suite.ts'
import { figureOf, type GatewayStage, measure, type Run } from '../contenders.ts'
import { flatOutWork, sharesNote } from './flat-out.ts'
import { steadyWork } from './steady.ts'

export const spool: Row<GatewayStage> = {
  name: 'spool',
  work: 'the gateway alone, with WEBHOOK_SPOOL_DIR and a Kafka that takes everything: both of the above',
  async run(stage) {
    const topics = await stage.topics()
    const contender = 'gateway with spool'
    const here: Run[] = []
    for (let number = 1; number <= stage.runs; number += 1) {
      stage.progress(`flat out, run ${number} of ${stage.runs}`)
      here.push(await measure(stage, topics, contender, flatOutWork(stage)))
    }
    stage.progress('500 a second')
    const atPace = await measure(stage, topics, contender, steadyWork(stage))
    const flatOut = { here, plain: [] }
    return {
      figures: [
        figureOf('flat out: events', 'perSecond', flatOut),
        figureOf('flat out: processor time an event', 'cpuUsPerEvent', flatOut),
        figureOf('flat out: 99th percentile to 200', 'p99Ms', flatOut),
        figureOf('500 a second: 99th percentile to 200', 'p99Ms', { here: [atPace], plain: [] }),
      ],
      notes: [sharesNote('flat out', here)],
      wrong: [...here, atPace].flatMap(({ wrong }) => wrong),
    }
  },
}
