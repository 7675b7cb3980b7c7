import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { EventPage, SourceAnswer } from '../../src/domain/answers.ts'
import type { AuditEvent } from '../../src/domain/event.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { KafkaConfig } from '../../src/sources/kafka-config.ts'
import { kafkaConfig } from '../../src/sources/kafka-config.ts'
import { createKafka } from '../../src/sources/kafka.ts'
import type { SourceDeps } from '../../src/sources/source.ts'
import { until } from '../a-server.ts'
import { createApiClient } from '../api-client.ts'
import { anAuthority } from '../certificates.ts'
import { receiverContract } from '../contract/receiver.ts'
import { Intake, sourceContract } from '../contract/source.ts'
import type { ServerProcess } from '../server-process.ts'
import { startServerProcess } from '../server-process.ts'
import type { KafkaBroker } from './kafka-broker.ts'
import { SASL_USERS, startKafka } from './kafka-broker.ts'
import type { KafkaTopic } from './kafka-topic.ts'
import { aTopic, makeTopic } from './kafka-topic.ts'

let number = 0

/** As Flex writes it, with a name of its own. */
function mutation(name = `orders-${++number}`): string {
  return `{:type :mutation/request, :data {:user {:provider :github, :login "ada-berg", :id "0b6f"},
    :event [:mutation/create-topic {:topic-name "${name}"}], :rbac {:success? true, :action "TOPIC_CREATE"}}}`
}

function mutations(count: number): readonly string[] {
  return Array.from({ length: count }, () => mutation())
}

describe('a plain broker', () => {
  let broker: KafkaBroker

  beforeAll(async () => {
    broker = await startKafka()
  })

  afterAll(() => broker?.remove())

  function configOf(topic: KafkaTopic, more: object = {}): KafkaConfig {
    return parsed({ brokers: [broker.address], topics: [topic.name], group: `g-${topic.name}`, ...more })
  }

  // One partition: between several there is no order.
  sourceContract(async () => {
    const topic = await aTopic(broker.inside, 1)
    return {
      open: (deps) => createKafka(configOf(topic), deps),
      async write(count) {
        const values = mutations(count)
        await topic.write(values)
        return values
      },
    }
  })

  describe('in a server', () => {
    let name: string

    beforeEach(async () => {
      name = `audit-in-a-server-${++number}`
      await makeTopic(broker.inside, name)
    })

    receiverContract({
      config: () => ({ name: 'flex', kind: 'kafka', brokers: [broker.address], topics: [name] }),
      async farSide() {
        const topic = await aTopic(broker.inside, 1, name)
        return { send: (count) => topic.write(mutations(count)), sendBad: () => topic.write(['not a map']) }
      },
      role: 'follower',
      badReason: 'not_json',
      isBehind: ({ records = 0 }, count) => records >= count,
    })
  })

  test('seals where every record comes from, and when Kafka got it', async () => {
    const topic = await aTopic(broker.inside, 2)
    await topic.write([mutation('a'), mutation('b'), null])
    const intake = new Intake()
    await followed(configOf(topic), intake, () => intake.records.length >= 3)

    const ids = intake.records.map((record) => record.naturalId ?? '')
    expect(ids.toSorted((a, b) => a.localeCompare(b))).toEqual(
      [`/0/0`, `/0/1`, `/1/0`].map((end) => expect.stringMatching(`^${topic.name}@.+${end}$`)),
    )
    for (const { collectedMs = 0 } of intake.records) expect(Math.abs(collectedMs - Date.now())).toBeLessThan(60_000)
    expect(intake.texts).toContain('')
  })

  test('reads what is packed, however it is packed', async () => {
    const topic = await aTopic(broker.inside)
    const sent: string[] = []
    for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const values = mutations(50)
      await topic.write(values, { compression })
      sent.push(...values)
    }
    const intake = new Intake()
    await followed(configOf(topic), intake, () => intake.records.length >= sent.length)
    expect(intake.texts.toSorted()).toEqual(sent.toSorted())
  })

  test('commits to the group what is durable, and no more', async () => {
    const topic = await aTopic(broker.inside)
    const { group = '' } = configOf(topic)
    await topic.write(mutations(6))
    const intake = new Intake()
    const held = Promise.withResolvers<void>()
    const emit = intake.emit
    let offered = 0
    const slow: typeof emit = async (records, options) => {
      offered += records.length
      await held.promise
      return emit(records, options)
    }
    const running = run(configOf(topic), { emit: slow })
    await until(async () => offered > 0)
    expect(await topic.committed(group)).toBe(0)
    held.resolve()
    await until(async () => (await topic.committed(group)) === 6)
    await running.stop()
  })

  test('begins where it is told to, and only the first time', async () => {
    const topic = await aTopic(broker.inside)
    await topic.write(mutations(3))
    const since = await until(async () => {
      const now = Date.now()
      await sleep(5)
      return Date.now() > now && new Date(now + 1).toISOString()
    })
    const later = mutations(3)
    await topic.write(later)

    const byTime = new Intake()
    const config = configOf(topic, { group: `t-${topic.name}`, from: { timestamp: since } })
    await followed(config, byTime, () => byTime.records.length >= 3)
    expect(byTime.texts.toSorted()).toEqual(later.toSorted())

    const latest = { ...configOf(topic), from: 'latest' } as const
    const first = new Intake()
    const running = run(latest, first)
    await until(async () => running.lag() === 0)
    await running.stop()
    expect(first.texts).toEqual([])
    const missed = mutations(4)
    await topic.write(missed)
    const second = new Intake()
    await followed(latest, second, () => second.records.length >= 4)
    expect(second.texts.toSorted()).toEqual(missed.toSorted())
  })

  test('brings nothing twice when the group is set back, whatever it has forgotten', async () => {
    const topic = await aTopic(broker.inside)
    const config = configOf(topic)
    await topic.write(mutations(20))
    const before = new Intake()
    await followed(config, before, () => before.records.length >= 20)
    await topic.rewind(config.group ?? '')

    const after = new Intake()
    const running = run(config, after, before.cursor)
    const more = mutations(2)
    await topic.write(more)
    await until(async () => after.records.length >= 2)
    await running.stop()
    expect(after.texts.toSorted()).toEqual(more.toSorted())
  })

  test('takes the first record of a topic that was made anew for another one', async () => {
    const topic = await aTopic(broker.inside, 1)
    const config = configOf(topic)
    await topic.write([mutation('old')])
    const before = new Intake()
    await followed(config, before, () => before.records.length >= 1)
    await topic.remove()
    await until(async () =>
      topic.make().then(
        () => true,
        () => false,
      ),
    )
    // Producers take a moment to see that it is there again.
    await until(async () =>
      topic.write([mutation('new')]).then(
        () => true,
        () => false,
      ),
    )

    const after = new Intake()
    await followed(config, after, () => after.records.length >= 1, before.cursor)
    expect(after.texts[0]).toContain('new')
    expect(after.records[0]?.naturalId).not.toBe(before.records[0]?.naturalId)
  })

  test('shares a group between two, and nothing is missing when one goes', async () => {
    const topic = await aTopic(broker.inside, 4)
    const config = configOf(topic)
    const intake = new Intake()
    const [one, other] = [run(config, intake), run(config, intake)]
    await until(async () => one.lag() !== undefined && other.lag() !== undefined)
    await topic.write(mutations(40))
    await until(async () => new Set(intake.texts).size === 40)
    await other.stop()
    await topic.write(mutations(40))
    await until(async () => new Set(intake.texts).size === 80)
    await one.stop()
  })

  test('says what is wrong with a batch that unpacks to very much, and does not run out of memory', async () => {
    const topic = await aTopic(broker.inside, 1)
    await topic.write([Buffer.alloc((64 << 20) + 1)], { compression: 'gzip' })
    const failure = await failureOf(configOf(topic))
    expect(failure).toMatchObject({ code: 'too_large', hint: expect.stringContaining('--reset-offsets') })
  })

  test('says that a topic is not there, and makes none', async () => {
    const missing = parsed({ brokers: [broker.address], topics: ['no-such-topic'] })
    expect(await failureOf(missing)).toMatchObject({ code: 'not_found' })
    expect(await failureOf(missing)).toMatchObject({ code: 'not_found' })
  })

  test('says that no broker is there', async () => {
    const nobody = parsed({ brokers: ['127.0.0.1:1'], topics: ['t'] })
    expect(await failureOf(nobody)).toMatchObject({ code: 'io_failed', message: 'no broker can be reached' })
  })

  test('nothing is missing and nothing twice when whodid is killed again and again, and the broker goes away', async () => {
    const topic = await aTopic(broker.inside)
    const whodid = aWhodid(broker.address, topic.name)
    const writing = writeFor(topic, 4000)
    for (let kill = 0; kill < 4; kill++) {
      const server = await whodid.start()
      await whodid.until(server, async ({ accounting }) => accounting.received > kill * 500)
      await server.kill()
    }
    const server = await whodid.start()
    await writing
    await broker.stop()
    await whodid.until(server, async ({ state }) => state === 'failed')
    await broker.start()
    await topic.write([DENIED, mutation('the-last-one')])
    await whodid.until(server, async ({ lag, accounting }) => lag?.records === 0 && accounting.events >= 4002)

    const api = createApiClient(server.url, await server.token('admin'))
    const events = await until(async () => {
      const found = await all(api, 'source:flex')
      return found.length >= 4002 && found
    })
    const names = events.map(({ audit }) => audit?.resource?.[0]?.name)
    expect(names).toHaveLength(4002)
    expect(new Set(names).size).toBe(4002)
    expect(await all(api, 'source:flex whodid.conflict:true')).toEqual([])

    const refused = await all(api, 'source:flex actor:ben@example.com decision:deny')
    expect(refused).toHaveLength(1)
    expect(refused[0]).toMatchObject({
      event: { action: 'delete-topic', outcome: 'failure', type: ['deletion', 'denied'] },
      user: { kind: 'person', name: 'ben@example.com' },
      audit: {
        resource: [{ type: 'topic', name: 'payments', parent: 'c1' }],
        authz: {
          decision: 'deny',
          permission: 'TOPIC_DELETE',
          policies: [{ name: 'readers on cluster/*', effect: 'deny' }],
        },
      },
      whodid: { source: 'flex', parser: 'flex-audit@1', trust: ['time:collected'] },
    })
    const allowed = await all(
      api,
      'source:flex actor:ada-berg resource:the-last-one action:create-topic outcome:success',
    )
    expect(allowed).toHaveLength(1)
    expect(allowed[0]?.event.original).toBe(mutation('the-last-one'))
    await server.stop()
  })
})

const DENIED = `{:type :mutation/request, :ctx {:cluster-id "c1"}, :data {:user {:provider :okta, :email "ben@example.com"},
  :event [:mutation/delete-topic {:topic-name "payments"}], :rbac {:success? false, :action "TOPIC_DELETE",
  :policies ({:role "readers", :effect "Deny", :resource [:cluster "*"], :actions #{"TOPIC_DELETE"}})}}}`

describe('a broker with SASL and rights', () => {
  let broker: KafkaBroker

  beforeAll(async () => {
    broker = await startKafka({ client: 'sasl' })
  })

  afterAll(() => broker?.remove())

  function configOf(topic: string, mechanism: string, username: string): KafkaConfig {
    const sasl = { mechanism, username, password: { env: username } }
    return parsed({ brokers: [broker.address], topics: [topic], sasl })
  }

  test.each(['plain', 'scram-sha-256', 'scram-sha-512'])('lets in who knows the password, by %s', async (mechanism) => {
    const topic = await aTopic(broker.inside)
    await topic.write(mutations(5))
    const intake = new Intake()
    await followed(configOf(topic.name, mechanism, 'alice'), intake, () => intake.records.length >= 5)
  })

  test.each(['plain', 'scram-sha-256', 'scram-sha-512'])(
    'says that the password is wrong, by %s',
    async (mechanism) => {
      const topic = await aTopic(broker.inside)
      const failure = await failureOf(configOf(topic.name, mechanism, 'alice'), 'not-the-password')
      expect(failure).toMatchObject({ code: 'unauthenticated', message: 'the broker refused the sign-in' })
      expect(JSON.stringify(failure)).not.toContain('not-the-password')
    },
  )

  test('says that a user has no right', async () => {
    const topic = await aTopic(broker.inside)
    const failure = await failureOf(configOf(topic.name, 'scram-sha-512', 'bob'))
    expect(failure).toMatchObject({ code: expect.stringMatching(/^forbidden|not_found$/) as unknown })
  })
})

describe('a broker with TLS that asks for certificates', () => {
  const authority = anAuthority('Kafka CA')
  let broker: KafkaBroker
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'whodid-kafka-tls-'))
    broker = await startKafka({ client: { tls: authority.issue('broker'), ca: authority.cert } })
    for (const [name, { cert, key }] of [
      ['ours', authority.issue('whodid')],
      ['theirs', anAuthority().issue('whodid')],
    ] as const) {
      writeFileSync(join(folder, `${name}.crt`), cert)
      writeFileSync(join(folder, `${name}.key`), key)
    }
    writeFileSync(join(folder, 'ca.crt'), authority.cert)
  })

  afterAll(async () => {
    await broker?.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  function configOf(topic: string, tls: object): KafkaConfig {
    return parsed({ brokers: [broker.address], topics: [topic], tls })
  }

  function files(name: string): object {
    return { ca: join(folder, 'ca.crt'), cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
  }

  test('lets in who has a certificate of its authority', async () => {
    const topic = await aTopic(broker.inside)
    await topic.write(mutations(5))
    const intake = new Intake()
    await followed(configOf(topic.name, files('ours')), intake, () => intake.records.length >= 5)
  })

  test.each([
    ['has none', () => ({ ca: join(folder, 'ca.crt') })],
    ['has one of another authority', () => files('theirs')],
    ['does not know the broker', () => ({})],
  ])('does not let in who %s', async (_, tls) => {
    const topic = await aTopic(broker.inside)
    expect(await failureOf(configOf(topic.name, tls()))).toMatchObject({ code: 'io_failed' })
  })
})

function parsed(config: object): KafkaConfig {
  return kafkaConfig.parse({ name: 'flex', kind: 'kafka', ...config })
}

interface Run {
  lag(): number | undefined
  stop(): Promise<void>
}

/** Runs a source as the server does, on the real clock, until it is stopped or the test ends. */
function run(config: KafkaConfig, intake: Pick<Intake, 'emit'>, cursor?: string): Run {
  const abort = new AbortController()
  let lag: number | undefined
  const source = createKafka(config, { ...depsOf(cursor), report: (status) => (lag = status.lag?.records) })
  const ended = source.run(intake.emit, abort.signal)
  ended.catch(() => undefined)
  const stop = async (): Promise<void> => {
    abort.abort()
    await ended
  }
  onTestFinished(stop)
  return { lag: () => lag, stop }
}

async function followed(config: KafkaConfig, intake: Intake, isDone: () => boolean, cursor?: string): Promise<void> {
  const running = run(config, intake, cursor)
  await until(async () => isDone())
  await running.stop()
}

async function failureOf(config: KafkaConfig, password?: string): Promise<unknown> {
  const source = createKafka(config, depsOf(undefined, password))
  return await source.run(new Intake().emit, AbortSignal.timeout(60_000)).then(
    () => 'it was let in',
    (error: unknown) => error,
  )
}

function depsOf(cursor: string | undefined, password?: string): SourceDeps {
  return {
    name: 'flex',
    clock: systemClock,
    cursor,
    lastNumber: () => 0,
    log: () => undefined,
    report: () => undefined,
    secret: (ref) => password ?? ('env' in ref && ref.env === 'alice' ? SASL_USERS.alice : SASL_USERS.bob),
  }
}

async function writeFor(topic: KafkaTopic, records: number): Promise<void> {
  for (let written = 0; written < records; written += 50) {
    await topic.write(mutations(50))
    await sleep(50)
  }
}

function aWhodid(broker: string, topic: string) {
  const folder = mkdtempSync(join(tmpdir(), 'whodid-kafka-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const config = join(folder, 'whodid.yaml')
  writeFileSync(config, `sources:\n  - { name: flex, kind: kafka, brokers: ['${broker}'], topics: [${topic}] }\n`)
  return {
    async start(): Promise<ServerProcess> {
      const server = await startServerProcess({ data: join(folder, 'data'), config })
      onTestFinished(async () => {
        await server.kill()
      })
      return server
    },
    async until(server: ServerProcess, isSo: (source: SourceAnswer) => Promise<boolean>): Promise<void> {
      const api = createApiClient(server.url, await server.token('admin'))
      await until(async () => isSo(await api.json<SourceAnswer>('/v1/sources/flex')))
    },
  }
}

async function all(api: ReturnType<typeof createApiClient>, query: string): Promise<readonly AuditEvent[]> {
  const events: AuditEvent[] = []
  for (let cursor = ''; ;) {
    const page = await api.json<EventPage>(`/v1/events?limit=1000&q=${encodeURIComponent(query)}${cursor}`)
    events.push(...page.events)
    if (page.next === undefined) return events
    cursor = `&cursor=${encodeURIComponent(page.next)}`
  }
}
