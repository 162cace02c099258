// Real: a schema registry (Docker's, or on this machine's Java; skipped where there is none), the schemas tool in this process.
// Doubled: nothing. Failure: a schema that the registry does not take or does not find again, in any format; a change that was not
// asked for; a part of the subjects registered where one is incompatible.

import { bringUpRegistry } from '@bridge/local-registry/local-registry'
import { schemaFormats, schemaText } from '@bridge/schemas/schema-files'
import { runSchemas } from '@bridge/schemas-tool/run'
import { afterAll, beforeAll, expect, onTestFinished, type TestContext, test } from 'vitest'

let brought: Awaited<ReturnType<typeof bringUpRegistry>>
/** The first time it is brought: 109 MB. */
const bringDeadlineMs = 600_000

beforeAll(async () => {
  brought = await bringUpRegistry()
}, bringDeadlineMs)

afterAll(async () => {
  if (brought?.kind === 'up') await brought.registry.stop()
})

/** The tool, for topics of this test alone; what it registered is deleted. */
function tool(context: TestContext) {
  if (brought.kind === 'unavailable') return context.skip(brought.reason)
  const { url } = brought.registry
  const prefix = `test-${process.pid}-${Math.random().toString(36).slice(2, 8)}-`
  const names = {
    OUTBOUND_TOPIC: `${prefix}outbound`,
    OUTBOUND_BULK_TOPIC: `${prefix}bulk`,
    RECEIPTS_TOPIC: `${prefix}receipts`,
    REPLIES_TOPIC: `${prefix}replies`,
  }
  const subjects = Object.values(names).map((topic) => `${topic}-value`)
  onTestFinished(async () => {
    for (const subject of subjects) {
      for (const query of ['', '?permanent=true'])
        await fetch(`${url}/subjects/${subject}${query}`, { method: 'DELETE' })
    }
  })
  return {
    subjects,
    async run(line: string) {
      const said = { out: '', err: '' }
      const output = {
        line(text = '') {
          said.out += `${text}\n`
        },
        error(text: string) {
          said.err += `${text}\n`
        },
        paint: (_: string, text: string) => text,
      }
      const env = { SCHEMA_REGISTRY_URL: url, ...names }
      return { code: await runSchemas({ args: line.split(' '), env, output }), ...said }
    },
    /** Asks the registry itself. */
    async ask(method: string, path: string, body?: unknown) {
      const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
      const response = await fetch(`${url}${path}`, {
        method,
        headers,
        signal: AbortSignal.timeout(10_000),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      return (await response.json()) as Record<string, unknown>
    },
  }
}

test.for(schemaFormats)('%s: check, dry run, register, register again, check', async (format, context) => {
  const { run, ask, subjects } = tool(context)
  const as = `--format ${format}`
  expect(await run(`check ${as}`)).toMatchObject({ code: 1, err: 'Not registered: 4 of 4. `register` does it.\n' })
  expect(await run(`register --dry-run ${as}`)).toMatchObject({ code: 0, out: expect.stringContaining('4 would be') })
  expect(await ask('GET', '/subjects')).not.toContain(subjects[0])
  const done = await run(`register ${as}`)
  expect(done).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/Done\.\n$/) })
  expect(done.out.match(/registered now: id \d+, version 1\n/g)).toHaveLength(4)
  expect(await run(`register ${as}`)).toMatchObject({ code: 0, out: expect.stringMatching(/Nothing to do\.\n$/) })
  expect(await run(`check ${as}`)).toMatchObject({ code: 0, err: '', out: expect.stringContaining('All are') })
  const there = await ask('GET', `/subjects/${subjects[0]}/versions/latest`)
  const type = { avro: 'AVRO', 'json-schema': 'JSON', protobuf: 'PROTOBUF' }[format]
  expect(there.schemaType ?? 'AVRO').toBe(type)
  const own = schemaText('outbound-message', format)
  if (format === 'protobuf') expect(there.schema).toContain('message OutboundMessage')
  else expect(JSON.parse(String(there.schema))).toEqual(JSON.parse(own))
})

test('where one is incompatible none is registered', async (context) => {
  const { run, ask, subjects } = tool(context)
  const [outbound, , , replies] = subjects
  const fields = [{ name: 'business_id', type: 'int' }]
  const other = { type: 'record', name: 'Reply', namespace: 'partoo.bridge.v1', fields }
  await ask('POST', `/subjects/${replies}/versions`, { schema: JSON.stringify(other) })
  await ask('PUT', `/config/${replies}`, { compatibility: 'BACKWARD' })
  for (const command of ['check', 'register --dry-run', 'register']) {
    const { code, out, err } = await run(command)
    expect(code).toBe(1)
    expect(out).toContain(`✗ ${replies} (avro): incompatible with what is there\n`)
    expect(err).toContain(`/subjects/${replies}/versions/latest`)
  }
  expect(await ask('GET', '/subjects')).not.toContain(outbound)
})
