// Owns what `--help` tells: good enough to need nothing else.

import { messageEventTypes, webhookEventTypes } from '@bridge/partoo/webhook-event'
import { variableRows } from '@bridge/runtime/tool-run'
import { metricsUrlDefault, waitSecondsDefault } from './arguments.ts'
import { variables } from './settings.ts'

export const help = `npm run webhooks -- <command> [options]

Says at Partoo which events of your organization go to which address.

  list          tells every configuration
  subscribe     lets the events go to --url. Tells first what differs, and creates what is missing. What is right
                stays as it is, so that it can be run again and again. An event that goes to another address is
                changed only after a yes (or --yes): Partoo has one address per event and organization, and whoever
                listens there would hear no more. Without that yes nothing is done at all.
  unsubscribe   removes the configurations of the events that point to --url; with --all whatever they point to,
                after a yes
  test          asks Partoo for a test delivery of each event, to --url or else to the address that is configured,
                and tells whether it arrived: the gateway's metrics must count it

Options:
  --url <address>       public https address of the gateway: https://bridge.example.com/webhooks/partoo
                        WEBHOOK_SECRET is appended, if it is set and not there yet. http is taken where
                        PARTOO_BASE_URL is http: a simulated Partoo.
  --events <types>      event types, with commas between them [${messageEventTypes.join(',')}]
                        Partoo names ${webhookEventTypes.slice(0, 4).join(', ')},
                        ${webhookEventTypes.slice(4).join(', ')}.
  --all                 unsubscribe: also what points elsewhere
  --dry-run             tells what would be done, and does nothing
  --yes, -y             says yes to what would be asked; needed where nobody can be asked (a pipe, a script)
  --metrics-url <url>   test: /metrics on the gateway's admin port [${metricsUrlDefault}]
                        Where several gateways share the address: each counts what reaches it, so repeat the
                        test with another one's page, or let one be alone for the test.
  --wait <seconds>      test: how long to wait for each arrival [${waitSecondsDefault}]
  --help, -h

Environment variables, the same as those of the services [default]:
${variableRows(variables)}

Where the services have PARTOO_CHANNELS_FILE, run this once for each organization, with its key and its id.
Addresses are shown without secrets: *** stands for one, or for what may be one. Custom headers are never set.
Each call counts against the organization's rate limit at Partoo, as the ingestor's calls do; a command makes a
handful. After a 429 it waits once, for a minute at most, and then tells when to try again.

Exit codes: 0 done, or nothing to do; 1 failed, not done for want of a yes, or not known to have arrived;
64 wrong usage; 78 wrong configuration.

  PARTOO_API_KEY_FILE=key npm run webhooks -- list
  PARTOO_API_KEY_FILE=key WEBHOOK_SECRET_FILE=secret \\
    npm run webhooks -- subscribe --url https://bridge.example.com/webhooks/partoo --dry-run
  PARTOO_API_KEY_FILE=key npm run webhooks -- test --metrics-url http://gateway.internal:9465/metrics

On the simulated Partoo of \`npm start\`:

  PARTOO_BASE_URL=http://127.0.0.1:8090/v2 PARTOO_API_KEY=demo-api-key npm run webhooks -- test
`
