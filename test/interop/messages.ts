// Owns what every client produces in the interop tests: messages with each field at its strangest, as the lines that the examples
// read, and what is meant to arrive.

export type MessageFields = {
  business_id: string
  external_conversation_id: string
  external_message_id: string
  content: string
  sender_type: 'User' | 'Consumer'
  consumer_name: string | null
  consumer_image: string | null
}

/** A line for an example: JSON without line breaks; `headers` is told to kcat beside the lines. */
export type Line = { key: string | null; headers: Record<string, string>; value: string }

export type Meant = {
  line: Line
  fields: MessageFields
  /** Messages of one ordered sequence arrive in this order. null: produced without a key, so in any order. */
  sequence: string | null
}

/** The first integers that a JSON number of most languages cannot hold. */
const beyondDoubles = 2n ** 53n + 1n

const strange = {
  emoji: 'Votre commande est prête 👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301',
  rightToLeft: 'שלום, هل التراس مفتوح؟ \u202eback\u202c',
  controls:
    'NUL \u0000, bell \u0007, tab \t, line\r\nbreaks\u2028\u2029, "quotes", back\\slash, \u007f\u0085\ufeff\uffff',
  markup: '<b>&amp;</b> {"a": [1]} %00 %2F $HOME `id` \u{10ffff}',
  /** 252,000 bytes. */
  long: 'Ĺong: ça va 😀 '.repeat(12_000),
} as const

/** 900,000 bytes: what clients and topics take by default is about a megabyte. */
const largest = 'é'.repeat(450_000)

/** The numbers of a cell's ids, where the format has integers: each cell has its own. */
const integersOf = (index: number) => ({
  business: beyondDoubles,
  conversation: 2n ** 63n - 1n - BigInt(index),
  message: beyondDoubles + 2n * BigInt(index),
})

const raw = JSON as unknown as { rawJSON(text: string): unknown }

/**
 * What a cell produces.
 *
 * @param name of the cell, in its ids
 * @param index of the cell, in its integer ids
 * @param isLargest whether there is one of the largest too
 * @param integers `none`: the client or the format has none; `some`: one message with them; `only`: the format has no others
 */
export function messagesOf(
  name: string,
  index: number,
  isLargest: boolean,
  integers: 'none' | 'some' | 'only',
): Meant[] {
  const slug = name.replaceAll('/', '-')
  const byInteger = integersOf(index)
  const inIntegers = meant({
    business_id: String(byInteger.business),
    external_conversation_id: String(byInteger.conversation),
    external_message_id: String(byInteger.message),
    content: `ids beyond 2^53, ${name}`,
  })
  inIntegers.line.value = JSON.stringify({
    ...inIntegers.fields,
    business_id: raw.rawJSON(String(byInteger.business)),
    external_conversation_id: raw.rawJSON(String(byInteger.conversation)),
    external_message_id: raw.rawJSON(String(byInteger.message)),
  })
  if (integers === 'only') return [inIntegers]

  const texts = Object.entries({ ...strange, ...(isLargest && { largest }) })
  const keyed = texts.map(([what, content]) =>
    meant({
      external_conversation_id: `${name} 😀 / ü ?#&%2F+`,
      external_message_id: `${name} ${what} /?#é`,
      content,
      sender_type: what === 'markup' ? 'User' : 'Consumer',
      consumer_name: `Zoë ${strange.rightToLeft}`,
      consumer_image: 'https://images.example/zoë.png?a=1&b=%20',
    }),
  )
  const unkeyed = ['first', 'second'].map((what) => {
    const one = meant({ external_conversation_id: `${slug}-unkeyed`, external_message_id: `${slug}-unkeyed-${what}` })
    return { ...one, line: { ...one.line, key: null }, sequence: null }
  })
  // 1,024 bytes: the longest id there may be.
  const longest = meant({
    external_conversation_id: `${slug}-`.padEnd(1_024, 'c'),
    external_message_id: `${slug}-é-`.padEnd(1_023, 'm'),
  })
  const headers = {
    traceparent: `00-${String(index).padStart(32, 'a')}-${'b'.repeat(16)}-01`,
    'content-type': 'text/plain; charset=latin1',
    ce_id: 'of the producer',
    'x-empty': '',
    'x-strange': 'é 😀 =',
  }
  const traced = ['with headers', 'with headers too'].map((what) => {
    const one = meant({ external_conversation_id: `${slug}-traced`, external_message_id: `${slug} ${what}` })
    return { ...one, line: { ...one.line, headers } }
  })
  return [...keyed, ...unkeyed, longest, ...traced, ...(integers === 'some' ? [inIntegers] : [])]
}

function meant(
  fields: Partial<MessageFields> & Pick<MessageFields, 'external_conversation_id' | 'external_message_id'>,
) {
  const message: MessageFields = {
    business_id: 'biz 42/é',
    content: `plain, ${fields.external_message_id.slice(0, 40)}`,
    sender_type: 'Consumer',
    consumer_name: null,
    consumer_image: null,
    ...fields,
  }
  const line: Line = { key: message.external_conversation_id, headers: {}, value: JSON.stringify(message) }
  return { line, fields: message, sequence: message.external_conversation_id }
}
