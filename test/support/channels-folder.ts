// Owns a channels file as an operator has it: YAML in a folder of its own, each key in a file beside it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * An organization at the simulator and at the ingestors. `limitPerMinute`: calls in any 60 s; 0: no limit. `otherKeys` are as good as
 * the one that the ingestors are told.
 */
export type TestOrganization = {
  orgId: number
  apiKey: string
  otherKeys?: string[]
  limitPerMinute: number
  channels: string[]
}

export class ChannelsFolder {
  /** The channels file. */
  readonly file: string
  readonly #folder: string

  constructor(organizations: readonly TestOrganization[]) {
    this.#folder = mkdtempSync(join(tmpdir(), 'channels-'))
    this.file = join(this.#folder, 'channels.yaml')
    mkdirSync(join(this.#folder, 'keys'))
    const lines = ['organizations:']
    for (const { orgId, apiKey, limitPerMinute, channels } of organizations) {
      // As an editor or `echo` leaves it: with a line break at the end.
      writeFileSync(this.keyFile(orgId), `${apiKey}\n`)
      lines.push(`  - org_id: ${orgId}`, `    api_key_file: keys/${orgId}`)
      lines.push(`    rate_limit_per_minute: ${limitPerMinute}`, '    channels:')
      for (const id of channels) lines.push(`      - channel_id: ${id}`, `        name: Channel ${id}`)
    }
    writeFileSync(this.file, `${lines.join('\n')}\n`)
  }

  /** The file that holds an organization's key. */
  keyFile(orgId: number): string {
    return join(this.#folder, 'keys', String(orgId))
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
