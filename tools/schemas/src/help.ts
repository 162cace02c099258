// Owns what `--help` tells: good enough to need nothing else.

import { variableRows } from '@bridge/runtime/tool-run'
import { schemaFormats } from '@bridge/schemas/schema-files'
import { variables } from './settings.ts'
import { roles } from './subjects.ts'

export const help = `npm run schemas -- <command> [options]

Compares the schemas of the bridge (libs/schemas/schemas) with those of a schema registry that speaks Confluent's API, and
registers them. It is needed where messages, receipts or replies are not plain JSON. The services register nothing, unless
SCHEMA_REGISTRY_AUTO_REGISTER tells them to.

  check         tells of each subject: = registered, with its id and version; + not registered, and whether it would be
                taken; ✗ incompatible with what is there, with the registry's reasons. Changes nothing.
  register      registers what is not. It checks all of them first, and registers none unless all would be taken: so
                that not half of them is changed. What is registered already stays as it is, so that it can be run
                again and again.

Options:
  --registry <url>            instead of SCHEMA_REGISTRY_URL; with the same user and password
  --format <format>           of every subject: ${schemaFormats.join(', ')} [avro]
  --output-format <format>    of receipts and replies, which the services publish, where it is another one
                              [OUTPUT_FORMAT, or --format where that is json]
  --only <topics>             of these alone [${roles.join(',')}]
  --dry-run                   register: tells what would be done, changes nothing
  --help, -h

The subject of a topic is <topic>-value (TopicNameStrategy, the default of Confluent's serializers). It has one format:
that of outbound messages is for your producers to choose (the bridge reads all of them, mixed in one topic), that of
receipts and replies is OUTPUT_FORMAT. The bulk topic, which holds outbound messages too, has a subject only where it is
named. Dead letters and events have none: they are bytes as they came.

A registry finds a schema by its exact text. So run register before you update services that have an OUTPUT_FORMAT: where
so much as a description has changed they would find nothing, and wait.

Environment variables, the same as those of the services [default]:
${variableRows(variables)}

Exit codes: 0 all are registered (check), done or nothing to do (register); 1 failed, or not all registered; 64 wrong
usage; 78 wrong configuration.

  npm run schemas -- check --registry http://registry.example:8081
  npm run schemas -- register --format protobuf --output-format avro --dry-run
  SCHEMA_REGISTRY_USERNAME=bridge SCHEMA_REGISTRY_PASSWORD_FILE=password npm run schemas -- register
`
