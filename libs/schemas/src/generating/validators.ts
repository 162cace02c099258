// What the formats' own libraries say of a value: ajv of both drafts of JSON Schema, avsc, protobufjs, each with the committed
// schema; and the zod types. For tests: nothing here runs in a service.

import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import avsc from 'avsc'
import protobuf from 'protobufjs'
import type { z } from 'zod'
import { type ContractName, contracts, type Field } from '../contracts.ts'
import type { Verdict } from '../golden.ts'
import { parseJson } from '../json.ts'
import { readOutboundMessage } from '../outbound-message.ts'
import { receipt } from '../receipt.ts'
import { reply } from '../reply.ts'
import { schemaFileKinds, schemaText } from '../schema-files.ts'

/** `detail`: why it is not valid, with the name of the field. Empty where it is valid. */
export type Judgement = { verdict: Verdict; detail: string }

/** Judges a value, which is a JSON text. */
export type Validator = (text: string) => Judgement

export const validatorNames = ['zod', ...schemaFileKinds] as const
export type ValidatorName = (typeof validatorNames)[number]

const valid: Judgement = { verdict: 'valid', detail: '' }
const invalid = (detail: string): Judgement => ({ verdict: 'invalid', detail })

/** Every validator of a contract. */
export function validatorsOf(name: ContractName): Record<ValidatorName, Validator> {
  return {
    zod: zodValidator(name),
    'json-schema': jsonSchemaValidator(new Ajv(ajvOptions), schemaText(name, 'json-schema')),
    'json-schema-2020-12': jsonSchemaValidator(new Ajv2020(ajvOptions), schemaText(name, 'json-schema-2020-12')),
    avro: avroValidator(name),
    protobuf: protobufValidator(name),
  }
}

function zodValidator(name: ContractName): Validator {
  switch (name) {
    case 'outbound-message':
      return (text) => {
        const read = readOutboundMessage(parseJson(text) ?? null)
        return read.kind === 'valid' ? valid : invalid(read.detail)
      }
    case 'receipt':
      return ofZod(receipt)
    case 'reply':
      return ofZod(reply)
  }
}

function ofZod(type: z.ZodType): Validator {
  return (text) => {
    const { error } = type.safeParse(JSON.parse(text))
    if (error === undefined) return valid
    return invalid(error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; '))
  }
}

/** As strict as clients may be: they refuse a schema with a keyword, or a format, that ajv does not bring itself. */
const ajvOptions = { strict: true, allowUnionTypes: true, allErrors: true } as const

function jsonSchemaValidator(ajv: Ajv, schema: string): Validator {
  const validate = ajv.compile(JSON.parse(schema))
  return (text) => (validate(JSON.parse(text)) ? valid : invalid(ajv.errorsText(validate.errors)))
}

/** To avsc and protobufjs a list is an object without fields, which some contracts allow: no writer would do that. */
const isList = 'a list is no object'

/** The type of a contract's value in avsc. */
export function avroType(name: ContractName): avsc.Type {
  return avsc.Type.forSchema(JSON.parse(schemaText(name, 'avro')))
}

function avroValidator(name: ContractName): Validator {
  const type = avroType(name)
  return (text) => {
    const value = JSON.parse(text)
    if (Array.isArray(value)) return invalid(isList)
    const wrong: string[] = []
    type.isValid(value, { errorHook: (path) => wrong.push(path.join('.')) })
    if (wrong.length > 0) return invalid(wrong.join('; '))
    return sameOrChanged(value, type.fromBuffer(type.toBuffer(value)), contracts[name].fields)
  }
}

/** The type of a contract's value in protobufjs. */
export function protobufType(name: ContractName): protobuf.Type {
  return protobuf.parse(schemaText(name, 'protobuf'), { keepCase: true }).root.lookupType(contracts[name].recordName)
}

function protobufValidator(name: ContractName): Validator {
  const type = protobufType(name)
  return (text) => {
    const value = JSON.parse(text)
    const wrong = Array.isArray(value) ? isList : type.verify(value)
    if (wrong !== null) return invalid(wrong)
    const back = type.toObject(type.decode(type.encode(type.create(value)).finish()), { longs: Number })
    return sameOrChanged(value, back, contracts[name].fields)
  }
}

function sameOrChanged(value: unknown, back: unknown, fields: readonly Field[]): Judgement {
  const [before, after] = [value, back].map((one) => JSON.stringify(known(one, fields)))
  return before === after ? valid : { verdict: 'changed', detail: 'what is read back is another value' }
}

/** The fields of the contract alone, what is absent as null. */
function known(value: unknown, fields: readonly Field[]): unknown {
  if (typeof value !== 'object' || value === null) return value ?? null
  const members = value as Record<string, unknown>
  return fields.map(({ name, type }) => known(members[name], type.kind === 'object' ? type.fields : []))
}
