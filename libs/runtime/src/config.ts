// Configuration from environment variables: each variable is declared once, with its type, its default and what it is for;
// reading, the list of everything that is wrong, `--help` and `--config` all come from that declaration.

import { readFileSync } from 'node:fs'
import { shownPath, unreadableFile } from '@bridge/schemas/named-file'
import { z } from 'zod'
import { type ChangingText, changingText } from './changing-text.ts'

/** A declared variable. `Value` is what the service gets: undefined only where the variable is optional and absent. */
export type Variable<Value> = {
  about: string
  type: z.ZodType<unknown, string>
  /** As it would be written in the environment. */
  fallback: string | undefined
  required: boolean
  /** May come from a file named by `<NAME>_FILE`; never printed. */
  secret: boolean
  /** Another name that it is read by, first; for variables that have two by custom. */
  alias?: string
  /** How a value is shown of which parts may be secret. */
  shown?: (text: string) => string
  /** Only for the compiler. */
  readonly value?: Value
}

type Declared = Record<string, Variable<unknown>>
export type Values<D extends Declared> = { [K in keyof D]: D[K] extends Variable<infer V> ? V : never }

/** A variable with a default. */
export function defaultsTo<T>(fallback: string, about: string, type: z.ZodType<T, string>): Variable<T> {
  return { about, type, fallback, required: false, secret: false }
}

/** A variable that must be given. */
export function required<T>(about: string, type: z.ZodType<T, string>): Variable<T> {
  return { about, type, fallback: undefined, required: true, secret: false }
}

/** A variable that may be left out. */
export function optional<T>(about: string, type: z.ZodType<T, string>): Variable<T | undefined> {
  return { about, type, fallback: undefined, required: false, secret: false }
}

/** A variable that names a file, and may be left out. */
export function optionalFile(about: string): Variable<string | undefined> {
  return { ...optional(about, types.text), shown: shownPath }
}

/** Makes a variable a secret: readable from `<NAME>_FILE`, masked wherever configuration is shown. */
export function secret<T>(variable: Variable<T>): Variable<T> {
  return { ...variable, secret: true }
}

/** Types of variables, with messages that read on after the variable's name. */
export const types = {
  text: z.string(),
  port: z
    .string()
    .regex(/^\d{1,5}$/, 'must be a port, 0 to 65535')
    .transform(Number)
    .refine((port) => port <= 65_535, {
      error: 'must be a port, 0 to 65535',
    }),
  flag: z
    .enum(['true', 'false', '1', '0', 'on', 'off'], { error: 'must be true or false' })
    .transform((text) => text === 'true' || text === '1' || text === 'on'),
  /** A whole number in a range, both ends included. */
  whole: (from: number, to: number) =>
    z
      .string()
      .regex(/^\d+$/, `must be a whole number from ${from} to ${to}`)
      .transform(Number)
      .refine((n) => n >= from && n <= to, { error: `must be a whole number from ${from} to ${to}` }),
  oneOf: <const T extends readonly [string, ...string[]]>(values: T) =>
    z.enum(values, { error: `must be one of ${values.join(', ')}` }) as unknown as z.ZodType<T[number], string>,
  /** A number in the notation of floats is what templates make of a long one: it would be nobody's id. */
  organizationId: z
    .string()
    .regex(/^\S{1,1024}$/, "must be an organization's id")
    .regex(
      /^(?!\d(\.\d+)?e[+]?\d+$)/i,
      "must be an organization's id, not a number in exponents: put it into quotes where it is written",
    ),
  topic: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,249}$/, 'must be a topic name: 1 to 249 letters, digits, dots, dashes, underscores'),
  /** Without user, password, query and fragment: those would be shown in logs, and not be sent. */
  httpUrl: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).refine(
    (text) => {
      const { username, password, search, hash } = new URL(text)
      return `${username}${password}${search}${hash}` === ''
    },
    { error: 'must be a plain URL, without user, password, query or fragment' },
  ),
} as const

export type ConfigRead<T> = { kind: 'read'; config: T } | { kind: 'wrong'; problems: string[] }

/**
 * Reads declared variables. An empty variable counts as absent.
 *
 * @param check relations between variables; it sees what could be read and which are set, rightly or not, and answers
 *   further problems
 * @returns every value, or everything that is wrong, one line each, each beginning with the variable's name
 */
export function readVariables<D extends Declared>(
  declared: D,
  env: NodeJS.ProcessEnv,
  check: (values: Partial<Values<D>>, isSet: (name: keyof D & string) => boolean) => string[] = () => [],
): ConfigRead<Values<D>> {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, variable] of Object.entries(declared)) {
    const given = givenText(name, variable, env)
    if ('problem' in given) {
      problems.push(given.problem)
      continue
    }
    const text = given.text ?? variable.fallback
    if (text === undefined) {
      if (variable.required) problems.push(`${name} is required: ${variable.about}`)
      continue
    }
    const read = variable.type.safeParse(text)
    if (read.success) values[name] = read.data
    else problems.push(`${name} ${read.error.issues[0]?.message ?? 'is not valid'}`)
  }
  const isSet = (name: string) =>
    Boolean(env[name]) || (declared[name]?.secret === true && Boolean(env[`${name}_FILE`]))
  problems.push(...check(values as Partial<Values<D>>, isSet))
  return problems.length > 0 ? { kind: 'wrong', problems } : { kind: 'read', config: values as Values<D> }
}

function givenText(
  name: string,
  variable: Variable<unknown>,
  env: NodeJS.ProcessEnv,
): { text?: string } | { problem: string } {
  const text = (variable.alias && env[variable.alias]) || env[name] || undefined
  const file = variable.secret ? env[`${name}_FILE`] : undefined
  if (file === undefined || file === '') return text === undefined ? {} : { text }
  if (text !== undefined) return { problem: `${name} and ${name}_FILE are both set: set one of them` }
  try {
    return { text: readFileSync(file, 'utf8').replace(/\r?\n$/, '') }
  } catch (error) {
    return { problem: `${name}_FILE ${unreadableFile(file, error)}` }
  }
}

/**
 * A secret as it is now: where a file holds it, the file is followed.
 *
 * @param text as it was read at the start
 * @param isValid what it has to be: a file that holds something else changes nothing
 */
export function secretText(
  env: NodeJS.ProcessEnv,
  name: string,
  text: string,
  isValid?: (text: string) => boolean,
): ChangingText {
  return changingText(env[`${name}_FILE`] || undefined, text, isValid)
}

/** The text of `--help`: what the service is, every variable with its default and meaning, and what else there is to say. */
export function helpText(what: string, declared: Declared, more: string[] = []): string {
  const rows = Object.entries(declared).map(([name, variable]) => {
    const note = variable.required ? 'required' : variable.fallback === undefined ? 'none' : variable.fallback
    return `  ${name}${variable.secret ? `, ${name}_FILE` : ''}\n      ${variable.about} [${note}]`
  })
  return [
    what,
    '',
    'usage: main.ts [--help | --config]',
    '  --config  print the configuration as it would be used, secrets masked, and what is wrong with it',
    '',
    'Environment variables [default]:',
    ...rows,
    ...more.flatMap((text) => ['', text]),
  ].join('\n')
}

/**
 * The text of `--config`: works on a broken configuration too.
 *
 * @param more lines about what variables point to, without secrets
 */
export function configText(
  declared: Declared,
  env: NodeJS.ProcessEnv,
  problems: string[],
  more: string[] = [],
): string {
  const rows = Object.entries(declared).map(([name, variable]) => {
    const given = givenText(name, variable, env)
    if ('problem' in given) return `${name}=?`
    const text = given.text ?? variable.fallback
    if (text === undefined) return `${name}= (not set)`
    // A value that is wrong may hold what it must not, such as a password in a URL.
    if (!variable.type.safeParse(text).success) return `${name}=?`
    const shown = variable.shown?.(text) ?? (variable.secret ? '***' : text)
    return `${name}=${shown}${given.text === undefined ? ' (default)' : ''}`
  })
  const verdict = problems.length === 0 ? ['The configuration is complete.'] : problems
  return [...rows, ...more, '', ...verdict].join('\n')
}
