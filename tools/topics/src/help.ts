// Owns what `--help` tells: good enough to need nothing else.

import { variableRows } from '@bridge/runtime/tool-run'
import { topicSettings } from '@bridge/schemas/topics'
import { consumerGroupDefault, principalDefaults } from './arguments.ts'
import { roles, variableOf } from './roles.ts'
import { variables } from './settings.ts'

const tableRows = roles.map((role) => {
  const { partitions, retentionMs } = topicSettings[role]
  return `  ${role.padEnd(10)}${variableOf(role).padEnd(22)}${String(partitions).padStart(2)} partitions, kept ${retentionMs / 86_400_000} days`
})

export const help = `npm run topics -- <command> [options]

Compares the topics of the bridge with what they should be, creates them, and tells who must be allowed what. The services
create none themselves.

  check         tells of each topic whether it exists, its partitions, replication and settings, and what should be
                otherwise: ✗ must change, ! is advice, ? is not told by the brokers. Changes nothing.
  create        creates what is missing. What exists stays as it is, unless --alter. Partitions are never added to a
                topic that exists: keys would go to other partitions, and the messages of a conversation would overtake
                each other. Nor are replicas: kafka-reassign-partitions does that.
  acls          prints the kafka-acls commands that allow each service, your producers, consumers and operators what
                they need and no more; where the cluster tells its rules, those that are there are comments. The output is
                a shell script.

Options:
  --brokers <list>            host:port, with commas between them, instead of START_KAFKA_BROKERS. KAFKA_BROKERS is
                              never used: a shell may have production's.
  --only <roles>              of these topics alone [${roles.join(',')}]
  --dry-run                   create: tells what would be done, asks the brokers whether they would, changes nothing
  --alter                     create: also sets the settings of topics that exist, where they are otherwise than they
                              should be; everything else of them stays
  --partitions <n>            create: of every new topic, instead of the table's
  --replication-factor <n>    create: of every new topic, instead of 3, or of as many as there are brokers
  --principal-ingestor <p>    acls: like User:name [${principalDefaults.ingestor}]
  --principal-gateway <p>     acls [${principalDefaults.gateway}]
  --principal-producers <p>   acls: who produces messages [${principalDefaults.producers}]
  --principal-consumers <p>   acls: who consumes replies, receipts, events [${principalDefaults.consumers}]
  --principal-operators <p>   acls: who redrives dead letters (npm run dlq) [${principalDefaults.operators}]
  --consumer-group <id>       acls: the consumers' group [${consumerGroupDefault}]
  --help, -h

Topics, by role and the variable that names them; the bulk topic only where it is named:
${tableRows.join('\n')}

Environment variables, the same as those of the services but for the brokers [default]:
${variableRows(variables)}

Who runs this needs Describe and DescribeConfigs on the topics; for create also Create, for --alter AlterConfigs; for
acls Describe on the cluster.

Exit codes: 0 done, or nothing to do (advice does not count); 1 failed, or not as it must be; 64 wrong usage; 78 wrong
configuration.

  npm run topics -- check --brokers kafka-1:9092,kafka-2:9092
  npm run topics -- create --brokers kafka-1:9092 --dry-run
  npm run topics -- acls --brokers kafka-1:9092 --principal-ingestor User:ingestor > allow.sh
`
