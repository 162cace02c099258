// Owns what `--help` tells: good enough to need nothing else.

import { variableRows } from '@bridge/runtime/tool-run'
import { deadLetterReasons } from '@bridge/schemas/receipt'
import { limitDefault } from './arguments.ts'
import { variables } from './settings.ts'

export const help = `npm run dlq -- <command> [options]

Tells of the dead letters: messages that could not be read, that Partoo refused, or that were given up. And sends them again,
once what was wrong is put right.

  list          tells of each: when it was put away, why, and whose it is
  show          tells all of some of them (partition/offset, as list names them): why, what Partoo answered, where each came
                from. Not the message's text, unless --value.
  redrive       puts records back as they were, key, value and headers, into the topic and the partition they came from,
                in the order in which they were produced. The ingestor then takes them as it takes any other. Records that
                were redriven before stay: a note behind them, in the dead-letter topic, says so. Those of them that were
                put away again stay too, unless --again. It can be ended at any time (Ctrl-C): the same command goes on
                where it was.

Which dead letters, for list and redrive. All options that are given must hold; of one that is given several times (ids, reasons,
letters) one value is enough:
  --reason <reason>           ${deadLetterReasons.join(', ')}
  --channel <id>              channel_id of the message
  --conversation <id>         external_conversation_id of the message
  --letter <partition/offset> this one
  --since <time>              put away at this time or later: 2h (ago; s, m, h, d), 2026-01-31 (UTC), 2026-01-31T09:30:00Z
  --until <time>              put away before this time

Options:
  --brokers <list>            host:port, with commas between them, instead of START_KAFKA_BROKERS. KAFKA_BROKERS is
                              never used: a shell may have production's.
  --redriven                  list: also those that were redriven
  --json                      list: one JSON object a line, of all of them
  --limit <n>                 list: of the latest so many [${limitDefault}]
  --value                     show: also key and value, which may be personal data
  --all                       redrive: all that there are, instead of a filter
  --again                     redrive: also what was redriven before and was put away again
  --dry-run                   redrive: tells what would go where, and does nothing
  --help, -h

What differs from the record as it was: two headers more (partoo-redriven: how often; partoo-redriven-first: where it was
first), a new timestamp, and a header without a value has an empty one. A message that Partoo has already is not created
twice: Partoo takes an external_message_id once a channel. A record that the dead-letter topic did not take whole (value too
large) cannot be redriven; show tells its coordinates.

Environment variables, the same as those of the services but for the brokers [default]:
${variableRows(variables)}

Who runs this needs Read on the dead-letter topic and on groups that begin with partoo-dlq-; for redrive also Write on it
and on the outbound topics (npm run topics -- acls --principal-operators).

Exit codes: 0 done, or nothing to do; 1 failed, or some were refused; 64 wrong usage; 78 wrong configuration; 130 ended by
Ctrl-C before it was done.

  npm run dlq -- list --brokers kafka-1:9092 --since 1d
  npm run dlq -- show --brokers kafka-1:9092 0/17
  npm run dlq -- redrive --brokers kafka-1:9092 --reason retries-exhausted --since 2h --dry-run
`
