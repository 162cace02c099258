// Owns one run of the tool: reads what is asked for and the settings, does it, answers the exit code.
//   0   done, or nothing to do      1   failed      64  wrong usage      78  wrong configuration

import { WebhookAdministration } from '@bridge/partoo/webhook-administration'
import type { Output } from '@bridge/runtime/tool-output'
import { runTool, wrongUsage } from '@bridge/runtime/tool-run'
import { Mask } from './address.ts'
import { type Order, readArguments } from './arguments.ts'
import type { Ask } from './ask.ts'
import { help } from './help.ts'
import { list } from './list.ts'
import { readSettings, type Settings } from './settings.ts'
import { subscribe } from './subscribe.ts'
import { tryout } from './tryout.ts'
import { unsubscribe } from './unsubscribe.ts'
import type { Work } from './work.ts'

export type Run = { args: string[]; env: NodeJS.ProcessEnv; output: Output; ask: Ask }

const name = 'webhooks'

/** Runs one command. @returns the exit code; never rejects for what can be expected */
export function runWebhooks(run: Run): Promise<number> {
  const { output, ask } = run
  return runTool(
    {
      name,
      help,
      readArguments,
      readSettings,
      perform: async (order, settings) => {
        const url = 'url' in order ? order.url : undefined
        // developers.partoo.co, "Webhooks": HTTPS URLs only. A Partoo that is itself reached by http is a simulated one.
        if (url?.startsWith('http:') && !settings.baseUrl.startsWith('http:')) {
          return wrongUsage(name, output, '--url must be an https address: Partoo takes no other.')
        }
        return perform(order, settings, new Mask(settings.secret, url), output, ask)
      },
    },
    run,
  )
}

async function perform(order: Order, settings: Settings, mask: Mask, output: Output, ask: Ask): Promise<number> {
  const { baseUrl, way, apiKey, orgId, where } = settings
  output.line(`Partoo at ${where}, ${orgId === undefined ? 'the organization of the key' : `organization ${orgId}`}`)
  const waiting = (ms: number) =>
    output.line(
      `Partoo asks to wait for ${Math.ceil(ms / 1_000)} s: the organization's rate limit is used up. Waiting, once…`,
    )
  const partoo = new WebhookAdministration({ baseUrl, way, apiKey, orgId, waiting })
  const work: Work = { partoo, settings, mask, output, ask }
  try {
    switch (order.command) {
      case 'list':
        return await list(work)
      case 'subscribe':
        return await subscribe(work, order)
      case 'unsubscribe':
        return await unsubscribe(work, order)
      case 'test':
        return await tryout(work, order)
    }
  } finally {
    await partoo.close()
  }
}
