import type { KafkaConfig } from './kafka-config.ts'
import type { Source, SourceDeps } from './source.ts'

/**
 * Reads topics as one consumer group, every record's value as it is. The group's offsets are committed only once the
 * records are durable here. How far that is is sealed with each batch as well: what comes again after a crash, a
 * rebalance or because the group was set back is passed over, and its id (topic, partition, offset) is the same.
 */
export function createKafka(config: KafkaConfig, deps: SourceDeps): Source {
  return {
    async run(emit, signal) {
      // The library takes half a second and 60 MB: only where there is such a source.
      const { followKafka } = await import('./kafka-follow.ts')
      await followKafka(config, deps, emit, signal)
    },
  }
}
