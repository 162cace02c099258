// Owns the certificates of a test: an authority, and what it signs, made by openssl in a folder of the test.

import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

export class Authority {
  readonly #folder: string
  readonly #name: string

  /** Whether there is an openssl to make certificates with. */
  static get isPossible(): boolean {
    return spawnSync('openssl', ['version']).status === 0
  }

  /** @param name of its files in the folder */
  constructor(folder: string, name = 'ca') {
    this.#folder = folder
    this.#name = name
    this.#openssl(
      'req',
      '-x509',
      ...curve,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    )
  }

  /** Its PEM file. */
  get file(): string {
    return join(this.#folder, `${this.#name}.pem`)
  }

  /**
   * Signs a certificate for `localhost` and 127.0.0.1, unless for other names.
   *
   * @param days that it lives; negative: it has expired
   * @returns its PEM files; `both`: key and certificate in one
   */
  sign(name: string, days = 2, names = 'DNS:localhost,IP:127.0.0.1'): { cert: string; key: string; both: string } {
    const extensions = join(this.#folder, `${name}.ext`)
    writeFileSync(extensions, `subjectAltName=${names}\n`)
    this.#openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    const ca = ['-CA', `${this.#name}.pem`, '-CAkey', `${this.#name}.key`, '-CAcreateserial']
    this.#openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...ca,
      '-days',
      String(days),
      '-extfile',
      extensions,
      '-out',
      `${name}.pem`,
    )
    const [cert, key, both] = [`${name}.pem`, `${name}.key`, `${name}.both.pem`].map((file) => join(this.#folder, file))
    if (cert === undefined || key === undefined || both === undefined) throw new Error('never')
    execFileSync('sh', ['-c', 'cat "$1" "$2" > "$3"', 'sh', key, cert, both])
    return { cert, key, both }
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'] })
  }
}
