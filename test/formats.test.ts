import { FORMAT_NAMES } from '../src/formats/formats.ts'
import type { FormatTraits } from './contract/format.ts'
import { formatContract } from './contract/format.ts'

/** The few formats that do not keep a record's own words, each with its reason. */
const TRAITS: ReadonlyMap<string, FormatTraits> = new Map([
  ['ecs', { originalIs: 'left out where the event says all that the record said' }],
  ['otlp', { originalIs: 'one log record of several gets an envelope of its own; a body in ecs needs no original' }],
])

for (const name of FORMAT_NAMES) formatContract(name, TRAITS.get(name))
