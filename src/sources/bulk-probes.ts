import type { ReceiverRequest, ReceiverResponse } from './source.ts'

/** Whose protocol is spoken: clients of Elasticsearch from 7.14 on want to be told that they talk to it. */
export type BulkProduct = 'elasticsearch' | 'opensearch'

/**
 * What shippers ask before they send, answered so that they do: that the server lives and has a version, and that
 * templates, policies and indices which they would make are there. There are none here: an index name chooses a format and
 * nothing else. Undefined for what nobody needs.
 */
export function probeAnswer({ method, path }: ReceiverRequest, product: BulkProduct): ReceiverResponse | undefined {
  const isAsking = method === 'GET' || method === 'HEAD'
  const [, first = '', second = ''] = path.split('/')
  if (first === '') return isAsking ? json(200, IDENTITY[product]) : undefined
  if (first === '_cluster' && second === 'health') return isAsking ? json(200, HEALTH) : undefined
  if (first === '_license' || first === '_xpack') return isAsking && product === 'elasticsearch' ? LICENSE : undefined
  const isOurs = !first.startsWith('_') || MADE_BY_SHIPPERS.has(first)
  if (!isOurs) return undefined
  return isAsking ? json(200, {}) : json(200, { acknowledged: true })
}

/** Every answer in the product's own way. */
export function asProduct(answer: ReceiverResponse, product: BulkProduct): ReceiverResponse {
  if (product === 'opensearch') return answer
  return { ...answer, headers: { ...answer.headers, 'x-elastic-product': 'Elasticsearch' } }
}

/** An error as clients of `_bulk` read it. */
export function bulkError(status: number, type: string, reason: string): ReceiverResponse {
  return json(status, { error: { root_cause: [{ type, reason }], type, reason }, status })
}

/** What is below these is settings of indices. Not `_nodes`: whoever is told of no nodes has none left to send to. */
const MADE_BY_SHIPPERS = new Set([
  '_alias',
  '_component_template',
  '_data_stream',
  '_ilm',
  '_index_template',
  '_ingest',
  '_opendistro',
  '_plugins',
  '_template',
])

const IDENTITY = {
  opensearch: {
    name: 'whodid',
    cluster_name: 'whodid',
    cluster_uuid: 'whodid',
    version: {
      distribution: 'opensearch',
      number: '2.19.0',
      build_type: 'tar',
      lucene_version: '9.12.1',
      minimum_wire_compatibility_version: '7.10.0',
      minimum_index_compatibility_version: '7.0.0',
    },
    tagline: 'The OpenSearch Project: https://opensearch.org/',
  },
  elasticsearch: {
    name: 'whodid',
    cluster_name: 'whodid',
    cluster_uuid: 'whodid',
    version: {
      number: '8.19.0',
      build_flavor: 'default',
      build_type: 'tar',
      lucene_version: '9.12.1',
      minimum_wire_compatibility_version: '7.17.0',
      minimum_index_compatibility_version: '7.0.0',
    },
    tagline: 'You Know, for Search',
  },
} as const

const HEALTH = {
  cluster_name: 'whodid',
  status: 'green',
  timed_out: false,
  number_of_nodes: 1,
  number_of_data_nodes: 1,
}

const LICENSE = json(200, {
  license: { status: 'active', uid: 'whodid', type: 'basic', mode: 'basic' },
  features: { ilm: { available: false, enabled: false } },
})

function json(status: number, body: object): ReceiverResponse {
  return { status, headers: { 'content-type': 'application/json; charset=UTF-8' }, body }
}
