// Owns how text from outside is made fit to be shown: secrets and control characters taken out, its length bounded.

const mask = '***'

/**
 * Takes secrets out of a text, also where they are written as a part of a URL or of a JSON string. Empty ones are none.
 *
 * @returns the text with `***` in place of each
 */
export function masked(text: string, secrets: readonly string[]): string {
  const forms = secrets.flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
  // The longest first: a shorter one may be a part of it.
  const wanted = [...new Set(forms)].filter((form) => form !== '').sort((one, other) => other.length - one.length)
  return wanted.reduce((rest, form) => rest.replaceAll(form, mask), text)
}

/**
 * Makes one line of a text: secrets masked, control characters (a terminal obeys them) and line ends become spaces, cut
 * to `lengthMax` characters only then, so that no part of a secret is left.
 */
export function oneLine(text: string, secrets: readonly string[], lengthMax: number): string {
  const line = masked(text, secrets)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
  return line.length <= lengthMax ? line : `${line.slice(0, lengthMax - 1)}…`
}
