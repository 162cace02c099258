// Owns the last block of a start: what to open and what to try.

import { simulatorUrl, type World, webhookUrl } from './environment.ts'
import type { Terminal } from './terminal.ts'

/** Answers the block's lines. Commands are never broken, however long, so that they can be copied. */
export function guide(world: World, logs: string, paint: Terminal['paint']): string[] {
  const inbox = `${simulatorUrl(world.ports)}/`
  const metrics = (port: number): string => `http://127.0.0.1:${port}/metrics`
  const address = (name: string, where: string): string => `  ${name.padEnd(20)} ${paint('cyan', where)}`
  const message = JSON.stringify({
    business_id: '42',
    external_conversation_id: 'bob',
    external_message_id: 'bob-1',
    content: 'Is the terrace open?',
    sender_type: 'Consumer',
  })
  return [
    paint('bold', 'Open'),
    '',
    address("Partoo's inbox", inbox),
    address('webhook', webhookUrl(world.ports)),
    address('metrics, ingestor', metrics(world.ports.ingestorAdmin)),
    address('metrics, gateway', metrics(world.ports.gatewayAdmin)),
    address('Kafka', world.brokers),
    address('logs', logs),
    '',
    paint('bold', 'Try, in another terminal'),
    '',
    '  npm run produce -- --conversation bob "Is the terrace open?"',
    '  npm run tail -- replies',
    `  ${openCommand()} ${inbox}`,
    '',
    paint('dim', '  The same with kcat:'),
    `  echo '${message}' | kcat -P -b ${world.brokers} -X topic.partitioner=murmur2_random -t ${world.topics.outbound} -k bob`,
    `  kcat -C -b ${world.brokers} -t ${world.topics.replies} -o end -q -f '%k %s\\n'`,
  ]
}

function openCommand(): string {
  return process.platform === 'darwin' ? 'open' : 'xdg-open'
}
