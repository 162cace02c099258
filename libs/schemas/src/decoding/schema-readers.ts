// The schemas that producers' payloads name, by id, as readers: asked for once, and kept. What an id means never changes, so nothing
// is asked again but what the registry does not know.
//
// Bounds, as any bytes may name any id: `schemasMax` readers, those used least recently go; a schema's text and what it refers to,
// `schemaBytesMax`; that an id is unknown, or cannot be had whole, is believed for `unknownForMs`.
//
// A schema may be registered a moment before a record that names it, and a registry's follower may not know it yet: an id that is
// unknown is asked for once more, `confirmAfterMs` later. Not more often than every `confirmEveryMs`, so that a producer of senseless
// ids does not get its partition to wait that long for each.

import { setTimeout as delay } from 'node:timers/promises'
import type { FetchedSchema, Registry } from '../registry.ts'
import { avroReader } from './avro-reader.ts'
import { readJsonPayload } from './json-schema-reader.ts'
import type { PayloadRead, ReaderMade } from './payload.ts'
import { protobufReader } from './protobuf-reader.ts'

const schemasMax = 1_000
const schemaBytesMax = 1_048_576
const unknownForMs = 10_000
const confirmAfterMs = 250
const confirmEveryMs = 1_000

/** Ids are given by registries as positive 32-bit integers. */
const idMax = 0x7fff_ffff

/** `needed`: it is not known yet what this id means; `fetch` it. */
export type SchemaPayloadRead = PayloadRead | { kind: 'schema-needed' }

/** `unusable`: what the registry has of it is not enough, or too much. */
type Unread = { kind: 'unknown'; untilMs: number } | { kind: 'unusable'; because: string; untilMs: number }
type Known = ReaderMade | Unread

export class SchemaReaders {
  readonly #registry: Pick<Registry, 'fetchSchema'>
  /** Those used least recently come first. */
  readonly #known = new Map<number, Known>()
  readonly #fetches = new Map<number, Promise<'known' | 'unknown' | { unavailable: string }>>()
  #confirmedMs = Number.NEGATIVE_INFINITY

  constructor(registry: Pick<Registry, 'fetchSchema'>) {
    this.#registry = registry
  }

  /** How many ids are known, unknown ones included. */
  get count(): number {
    return this.#known.size
  }

  /** Reads a payload by the schema with this id. Total; never waits. */
  read(schemaId: number, payload: Buffer): SchemaPayloadRead {
    if (schemaId > idMax) return { kind: 'undecodable', detail: 'its schema id is none that a registry gives' }
    const known = this.#get(schemaId)
    if (known === undefined) return { kind: 'schema-needed' }
    if (known.kind === 'unknown') {
      return { kind: 'undecodable', detail: `the schema registry does not know its schema id ${schemaId}` }
    }
    if (known.kind === 'unusable') {
      return { kind: 'undecodable', detail: `its schema ${schemaId} cannot be used: ${known.because}` }
    }
    if (known.kind === 'unreadable') {
      return { kind: 'undecodable', detail: `its schema ${schemaId} cannot be used: ${known.detail}` }
    }
    const read = known.read(payload)
    if (read.kind === 'read') return read
    return { kind: 'undecodable', detail: `the value does not fit its schema ${schemaId}: ${read.detail}` }
  }

  /**
   * Gets to know what an id means, once for all who ask at the same time. `known` says that `read` has an answer now, whether the
   * schema can be used or not; `unknown` that it has one for a while.
   */
  async fetch(schemaId: number): Promise<'known' | 'unknown' | { unavailable: string }> {
    const known = this.#get(schemaId)
    if (known !== undefined) return known.kind === 'unknown' ? 'unknown' : 'known'
    let fetching = this.#fetches.get(schemaId)
    if (fetching === undefined) {
      fetching = this.#fetch(schemaId).finally(() => this.#fetches.delete(schemaId))
      this.#fetches.set(schemaId, fetching)
    }
    return await fetching
  }

  async #fetch(schemaId: number): Promise<'known' | 'unknown' | { unavailable: string }> {
    let fetched = await this.#registry.fetchSchema(schemaId)
    if (fetched.kind === 'unknown' && performance.now() - this.#confirmedMs >= confirmEveryMs) {
      this.#confirmedMs = performance.now()
      await delay(confirmAfterMs)
      fetched = await this.#registry.fetchSchema(schemaId)
    }
    switch (fetched.kind) {
      case 'fetched':
        this.#keep(schemaId, readerOf(fetched.schema))
        return 'known'
      case 'unknown':
        this.#keep(schemaId, { kind: 'unknown', untilMs: performance.now() + unknownForMs })
        return 'unknown'
      case 'unusable':
        this.#keep(schemaId, { ...fetched, untilMs: performance.now() + unknownForMs })
        return 'known'
      case 'unavailable':
        return { unavailable: fetched.because }
    }
  }

  #keep(schemaId: number, known: Known): void {
    this.#known.delete(schemaId)
    this.#known.set(schemaId, known)
    const [oldest] = this.#known.keys()
    if (this.#known.size > schemasMax && oldest !== undefined) this.#known.delete(oldest)
  }

  #get(schemaId: number): Known | undefined {
    const known = this.#known.get(schemaId)
    if (known === undefined) return undefined
    if ('untilMs' in known) {
      if (performance.now() < known.untilMs) return known
      this.#known.delete(schemaId)
      return undefined
    }
    // Only near the bound it matters which was used last.
    if (this.#known.size > schemasMax / 2) this.#keep(schemaId, known)
    return known
  }
}

/** Makes the reader of a schema in whichever language it is. */
export function readerOf({ type, text, references }: FetchedSchema): ReaderMade {
  const bytes = references.reduce((sum, reference) => sum + reference.text.length, text.length)
  if (bytes > schemaBytesMax) {
    return { kind: 'unreadable', detail: `it is larger than ${schemaBytesMax} bytes with what it refers to` }
  }
  switch (type) {
    case 'AVRO':
      return labelled('Avro', avroReader(text, references))
    case 'JSON':
      return { kind: 'reader', read: readJsonPayload }
    case 'PROTOBUF':
      return labelled('Protobuf', protobufReader(text, references))
  }
}

function labelled(language: string, made: ReaderMade): ReaderMade {
  return made.kind === 'reader' ? made : { kind: 'unreadable', detail: `as ${language}, ${made.detail}` }
}
