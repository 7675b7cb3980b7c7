import { gzipSync, zstdCompressSync } from 'node:zlib'
import { compressionsAlgorithms, MultipleErrors, NetworkError, ProtocolError } from '@platformatic/kafka'
import { describe, expect, test } from 'vitest'
import { AuditError } from '../domain/errors.ts'
import { boundUnpacking, kafkaError } from './kafka-client.ts'
import { KafkaPositions, topicKey } from './kafka-positions.ts'
import { parseSource } from './kinds.ts'

const BASE = { name: 'flex', kind: 'kafka', brokers: ['kafka-1:9092'], topics: ['__oprtr_audit_log'] }

describe('the configuration', () => {
  test('needs brokers and topics, and begins at the earliest record of Flex', () => {
    expect(parseSource(BASE)).toMatchObject({ from: 'earliest', format: 'flex-audit' })
  })

  test.each([
    [{ brokers: ['kafka-1'] }, 'HOST:PORT'],
    [{ brokers: ['kafka-1:99999'] }, 'at most 65535'],
    [{ brokers: [] }, 'at least one broker'],
    [{ topics: ['a b'] }, 'a topic has'],
    [{ topics: ['..'] }, 'a topic has'],
    [{ from: 'yesterday' }, 'earliest, latest or'],
    [{ from: { timestamp: 'now' } }, 'a time like'],
    [{ tls: { cert: 'a.crt' } }, 'cert and key go together'],
    [{ sasl: { mechanism: 'plain', username: 'a', password: 'secret' } }, '{ env: NAME }'],
    [{ sasl: { mechanism: 'gssapi', username: 'a', password: { env: 'A' } } }, 'mechanism'],
    [{ groups: 'x' }, 'group'],
  ])('says what is wrong with %j', (wrong, says) => {
    const refusal = (): unknown => parseSource({ ...BASE, ...wrong })
    expect(refusal).toThrow(AuditError)
    expect(textOf(refusal)).toContain(says)
  })
})

describe('positions', () => {
  test('never go back, and come again out of a cursor', () => {
    const held = none().after([at('a', 0, 5), at('a', 0, 3), at('b', 11, 0)])
    const again = KafkaPositions.parse(held.format(new Set(['a', 'b'])))
    expect([again?.next('a', 0), again?.next('b', 11), again?.next('a', 1)]).toEqual([6, 1, undefined])
  })

  test('tell a topic from another one of the same name', () => {
    const [before, after] = [
      topicKey('t', 'e2b2b0c4-0000-4000-8000-000000000001'),
      topicKey('t', 'e2b2b0c4-0000-4000-8000-000000000002'),
    ]
    const held = none().after([at(before, 0, 41)])
    expect(held.next(after, 0)).toBeUndefined()
    expect(KafkaPositions.parse(held.format(new Set([after])))?.next(before, 0)).toBeUndefined()
    expect(topicKey('t', '00000000-0000-0000-0000-000000000000')).toBe('t')
  })

  test.each(['', 'null', '[]', '{"v":2,"next":[]}', '{"v":1,"next":[["t",0,-1]]}'])('%j is no cursor', (text) => {
    expect(KafkaPositions.parse(text)).toBeUndefined()
  })
})

describe('what goes wrong at a broker', () => {
  test('is named, however deep it lies', () => {
    const refused = new ProtocolError('TOPIC_AUTHORIZATION_FAILED')
    const deep = new MultipleErrors('failed', [new NetworkError('x', { cause: new MultipleErrors('y', [refused]) })])
    expect(kafkaError(deep)).toMatchObject({ code: 'forbidden', hint: expect.stringContaining('READ') as unknown })
    expect(kafkaError(new NetworkError('gone'))).toMatchObject({ code: 'io_failed' })
    expect(kafkaError('odd')).toMatchObject({ code: 'io_failed' })
  })

  test('stays what it is when it is ours', () => {
    const ours = new AuditError('not_found', 'topic x is not there')
    expect(kafkaError(ours)).toBe(ours)
  })
})

test('a batch that unpacks to very much more than it should is refused by name', () => {
  boundUnpacking()
  const zeros = Buffer.alloc((64 << 20) + 1)
  for (const [algorithm, packed] of [
    ['gzip', gzipSync(zeros)],
    ['zstd', zstdCompressSync(zeros)],
  ] as const) {
    expect(packed.length).toBeLessThan(1 << 20)
    expect(() => compressionsAlgorithms[algorithm].decompressSync(packed)).toThrow(
      expect.objectContaining({ code: 'ERR_BUFFER_TOO_LARGE' }) as Error,
    )
  }
  const text = Buffer.from('{:type :a/b}')
  expect(compressionsAlgorithms.gzip.decompressSync(gzipSync(text))).toEqual(text)
})

function none(): KafkaPositions {
  const positions = KafkaPositions.parse(undefined)
  if (positions === undefined) throw new Error('no positions')
  return positions
}

function at(topic: string, partition: number, offset: number) {
  return { topic, partition, offset }
}

function textOf(work: () => unknown): string {
  try {
    work()
    return ''
  } catch (error) {
    return error instanceof AuditError ? JSON.stringify([error.message, error.details]) : String(error)
  }
}
