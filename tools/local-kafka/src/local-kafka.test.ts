// Real: the choice and its sentences. Doubled: the ways to a Kafka (no broker, no Docker, no Java is asked).
// Failure: another order than given, Docker, Java; a way asked that need not be; KAFKA_BROKERS looked at; two sentences.

import { describe, expect, test } from 'vitest'
import { parseJavaMajor } from './java.ts'
import { type Attempt, type BringUpOptions, bringUpKafka, type LocalKafka, type Ways } from './local-kafka.ts'

function kafka(source: LocalKafka['source']): Attempt {
  return {
    kind: 'up',
    kafka: { brokers: 'there:1', source, description: source, ended: new Promise(() => {}), stop: async () => {} },
  }
}

/** Ways that note who was asked; each answers what it is given here, else that it has none. */
function ways(answers: { reachable?: boolean; docker?: Attempt; java?: Attempt }): { asked: string[]; ways: Ways } {
  const asked: string[] = []
  return {
    asked,
    ways: {
      isReachable: async (brokers) => {
        asked.push(`given ${brokers}`)
        return answers.reachable ?? false
      },
      docker: async () => {
        asked.push('docker')
        return answers.docker ?? { kind: 'none', why: 'no Docker engine answers' }
      },
      java: async () => {
        asked.push('java')
        return answers.java ?? { kind: 'none', why: 'there is no Java' }
      },
    },
  }
}

function start(env: NodeJS.ProcessEnv, more: Partial<BringUpOptions> = {}): BringUpOptions {
  return { variable: 'START_KAFKA_BROKERS', env, ...more }
}

describe('the order', () => {
  test('a given Kafka comes first, and nothing else is asked', async () => {
    const world = ways({ reachable: true, docker: kafka('docker'), java: kafka('java') })
    const brought = await bringUpKafka(start({ START_KAFKA_BROKERS: ' one:9092,two:9092 ' }), world.ways)
    expect(brought).toMatchObject({ kind: 'up', kafka: { source: 'given', brokers: 'one:9092,two:9092' } })
    expect(world.asked).toEqual(['given one:9092,two:9092'])
  })

  test('KAFKA_BROKERS and the other variable are never read', async () => {
    const world = ways({ reachable: true, docker: kafka('docker') })
    const env = { KAFKA_BROKERS: 'production:9092', TEST_KAFKA_BROKERS: 'tests:9092' }
    expect(await bringUpKafka(start(env), world.ways)).toMatchObject({ kafka: { source: 'docker' } })
    expect(world.asked).toEqual(['docker'])
  })

  test('Java comes after Docker; a Docker that is not there is not worth a word', async () => {
    const world = ways({ java: kafka('java') })
    const said: string[] = []
    const brought = await bringUpKafka(start({}, { say: (line) => said.push(line) }), world.ways)
    expect(brought).toMatchObject({ kafka: { source: 'java' } })
    expect(world.asked).toEqual(['docker', 'java'])
    expect(said).toEqual([])
  })

  test('a Docker that has no image says so in one line, and Java is used', async () => {
    const docker: Attempt = { kind: 'none', why: 'Docker has no image', worthSaying: true }
    const world = ways({ docker, java: kafka('java') })
    const said: string[] = []
    await bringUpKafka(start({}, { say: (line) => said.push(line) }), world.ways)
    expect(said).toEqual(['Docker has no image; trying Java instead.'])
  })

  test('LOCAL_KAFKA allows one way only, and a given Kafka still comes first', async () => {
    const world = ways({ reachable: true, docker: kafka('docker'), java: kafka('java') })
    expect(await bringUpKafka(start({ LOCAL_KAFKA: 'java' }), world.ways)).toMatchObject({ kafka: { source: 'java' } })
    expect(world.asked).toEqual(['java'])
    const env = { LOCAL_KAFKA: 'java', START_KAFKA_BROKERS: 'one:9092' }
    expect(await bringUpKafka(start(env), world.ways)).toMatchObject({ kafka: { source: 'given' } })
  })
})

describe('none to be had', () => {
  test('one sentence names what was found and what to install', async () => {
    const brought = await bringUpKafka(start({}), ways({}).ways)
    expect(brought).toEqual({
      kind: 'unavailable',
      reason:
        'No Kafka can be had (no Docker engine answers; there is no Java): start Docker, or install Java 17 or newer ' +
        'and Maven (Debian and Ubuntu: apt-get install maven; macOS: brew install maven), or set START_KAFKA_BROKERS ' +
        "to a broker's host:port.",
    })
  })

  test('a given Kafka that does not answer is not replaced by another', async () => {
    const world = ways({ docker: kafka('docker') })
    const brought = await bringUpKafka(start({ START_KAFKA_BROKERS: 'one:9092' }), world.ways)
    expect(brought).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringContaining('START_KAFKA_BROKERS names one:9092'),
    })
    expect(world.asked).toEqual(['given one:9092'])
  })

  test('a LOCAL_KAFKA that says something else is refused', async () => {
    const brought = await bringUpKafka(start({ LOCAL_KAFKA: 'podman' }), ways({}).ways)
    expect(brought).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('"podman"') })
  })
})

describe('aborting', () => {
  test('between two ways: the next one is not tried', async () => {
    const abort = new AbortController()
    const world = ways({ java: kafka('java') })
    const docker: Ways['docker'] = async () => {
      abort.abort()
      return { kind: 'none', why: 'no Docker engine answers' }
    }
    const brought = await bringUpKafka(start({}, { signal: abort.signal }), { ...world.ways, docker })
    expect(brought).toEqual({ kind: 'aborted' })
    expect(world.asked).toEqual([])
  })

  test('while a given Kafka is asked', async () => {
    const abort = new AbortController()
    const never: Ways['isReachable'] = () => {
      setImmediate(() => abort.abort())
      return new Promise(() => {})
    }
    const options = start({ START_KAFKA_BROKERS: 'one:9092' }, { signal: abort.signal })
    expect(await bringUpKafka(options, { ...ways({}).ways, isReachable: never })).toEqual({ kind: 'aborted' })
  })
})

describe('Java versions', () => {
  test.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_392"', 8],
    ['openjdk version "21" 2023-09-19', 21],
    ['Unable to locate a Java Runtime.', undefined],
  ])('%s', (printed, major) => {
    expect(parseJavaMajor(printed)).toBe(major)
  })
})
