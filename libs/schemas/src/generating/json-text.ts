// JSON as the repository's formatter leaves it: objects a member a line, arrays on one line where they hold no object and fit.

const columnsMax = 120

/** @returns the text, with a line end */
export function jsonText(value: object): string {
  return `${written(value, '', 0)}\n`
}

/** `before`: columns of the line that are taken, with its indentation. */
function written(value: unknown, indent: string, before: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    const line = `[${value.map((item) => JSON.stringify(item)).join(', ')}]`
    const isFlat = value.every((item) => typeof item !== 'object' || item === null)
    // One more for the comma behind it.
    if (isFlat && before + line.length + 1 <= columnsMax) return line
    return `[\n${value.map((item) => inner + written(item, inner, inner.length)).join(',\n')}\n${indent}]`
  }
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) => {
      const key = `${inner}${JSON.stringify(name)}: `
      return key + written(member, inner, key.length)
    })
  return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${indent}}`
}
