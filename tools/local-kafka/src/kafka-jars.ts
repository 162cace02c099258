// Owns Kafka's jars: .local/kafka-<version>/libs at the repository root.

import { join } from 'node:path'
import { type Brought, ensureMavenFolder, localFolder } from './maven.ts'

export const kafkaVersion = '4.3.0'

/**
 * Answers the folder with Kafka's jars, downloading them when they are not there.
 * @param progress is told now and then how far the download is; rejects only when `signal` aborts
 */
export function ensureJars(
  env: NodeJS.ProcessEnv,
  progress: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<Brought> {
  const wanted = {
    name: 'Kafka',
    version: kafkaVersion,
    megabytes: 44,
    folder: join(localFolder, `kafka-${kafkaVersion}`, 'libs'),
    dependencies: [
      { groupId: 'org.apache.kafka', artifactId: 'kafka_2.13', version: kafkaVersion },
      // How Kafka's own distribution gets its log written; the broker's artifact leaves it out.
      { groupId: 'org.apache.logging.log4j', artifactId: 'log4j-slf4j-impl', version: '2.25.4' },
    ],
    goal: (into: string) => ['dependency:copy-dependencies', `-DoutputDirectory=${into}`],
  }
  return ensureMavenFolder(wanted, env, progress, signal)
}
