import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { SourceAnswer } from '../../src/domain/answers.ts'
import type { SourceDeps } from '../../src/sources/source.ts'
import { type CloudWatchLogsConfig, createCloudWatchLogs } from '../../src/sources/cloudwatch-logs.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { aFolder, aServer, until } from '../a-server.ts'
import { receiverContract } from '../contract/receiver.ts'
import { Intake, quiet, sourceContract, start } from '../contract/source.ts'
import { manualClock } from '../manual-clock.ts'

// moto, a server that speaks as AWS does; installed with pip into the cache at the first run.
const MOTO_VERSION = '5.2.5'

let endpoint: string
let end = (): void => undefined
let far: CloudWatchLogsClient

beforeAll(async () => {
  const moto = installedMoto()
  const port = await freePort()
  endpoint = `http://127.0.0.1:${port}`
  process.env.AWS_ACCESS_KEY_ID = 'testing'
  process.env.AWS_SECRET_ACCESS_KEY = 'testing'
  const server = spawn(moto, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
  end = () => void server.kill()
  await until(async () => (await fetch(`${endpoint}/moto-api/`).catch(() => undefined))?.ok)
  far = new CloudWatchLogsClient({ region: 'eu-north-1', endpoint })
})
afterAll(() => {
  far.destroy()
  end()
})

function installedMoto(): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const folder = join(cache, 'whodid-tests', `moto-${MOTO_VERSION}`)
  const program = join(folder, 'bin', 'moto_server')
  if (!existsSync(program)) {
    run('python3', ['-m', 'venv', folder])
    run(join(folder, 'bin', 'pip'), ['install', '-q', `moto[logs]==${MOTO_VERSION}`, 'flask', 'flask-cors'])
  }
  return program
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`)
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

let groups = 0

/** A log group of EKS with a stream, and a way to write to it. */
async function aGroup() {
  const logGroupName = `/aws/eks/prod-${++groups}/cluster`
  await far.send(new CreateLogGroupCommand({ logGroupName }))
  const stream = async (logStreamName: string) => {
    await far.send(new CreateLogStreamCommand({ logGroupName, logStreamName }))
    return (events: readonly { readonly message: string; readonly timestamp: number }[]) =>
      far.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents: [...events] }))
  }
  const config: CloudWatchLogsConfig = {
    name: 'eks',
    kind: 'cloudwatch-logs',
    group: logGroupName,
    prefix: 'kube-apiserver-audit-',
    region: 'eu-north-1',
    endpoint,
    format: 'kubernetes-audit',
  }
  return { config, stream }
}

let number = 0

function auditRecord(more: object = {}): string {
  return JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: `record-${++number}`,
    stage: 'ResponseComplete',
    requestURI: '/api/v1/namespaces/prod/secrets/db',
    verb: 'get',
    user: { username: 'ada' },
    objectRef: { resource: 'secrets', namespace: 'prod', name: 'db', apiVersion: 'v1' },
    responseStatus: { code: 200 },
    requestReceivedTimestamp: new Date().toISOString().replace('Z', '000Z'),
    ...more,
  })
}

let group: Awaited<ReturnType<typeof aGroup>>
let putInGroup: Awaited<ReturnType<typeof group.stream>>
beforeEach(async () => {
  group = await aGroup()
  putInGroup = await group.stream('kube-apiserver-audit-1')
})

receiverContract({
  config: () => ({ ...group.config }),
  farSide() {
    const write = async (messages: readonly string[]) => {
      for (const message of messages) await putInGroup([{ message, timestamp: Date.now() }])
    }
    return {
      send: (count) => write(Array.from({ length: count }, () => auditRecord())),
      sendBad: () => write(['no audit record']),
    }
  },
  role: 'follower',
  badReason: 'not_json',
  // Seconds behind the newest event that it has seen: how many wait there, nobody says.
  isBehind: ({ seconds }) => seconds !== undefined,
})

sourceContract(async () => {
  const { config, stream } = await aGroup()
  const put = await stream('kube-apiserver-audit-1')
  return {
    open: (deps: SourceDeps) => createCloudWatchLogs(config, deps),
    async write(count) {
      const texts = Array.from({ length: count }, () => auditRecord())
      // Never two at one time: what is of one time has no order.
      const events = []
      for (const message of texts) {
        events.push({ message, timestamp: Date.now() })
        await sleep(2)
      }
      await put(events)
      return texts
    },
  }
})

test('brings events that appear late, those of other streams not, and each once', async () => {
  const { config, stream } = await aGroup()
  const [one, two, other] = [
    await stream('kube-apiserver-audit-1'),
    await stream('kube-apiserver-audit-2'),
    await stream('authenticator-1'),
  ]
  const now = Date.now()
  await one([{ message: 'first', timestamp: now - 10_000 }])
  const intake = new Intake()
  const source = start((deps) => createCloudWatchLogs(config, deps), intake)
  await source.until(() => intake.records.length >= 1)
  await two([{ message: 'late', timestamp: now - 30_000 }])
  await other([{ message: 'not ours', timestamp: now }])
  await one([{ message: 'second', timestamp: now - 5000 }])
  await source.until(() => intake.records.length >= 3)
  await source.pass(20_000)
  expect(intake.texts.toSorted((a, b) => a.localeCompare(b))).toEqual(['first', 'late', 'second'])
  await source.stop()

  const after = new Intake()
  const again = start((deps) => createCloudWatchLogs(config, deps), after, intake.cursor)
  await two([{ message: 'later', timestamp: now - 20_000 }])
  await again.until(() => after.records.length >= 1)
  await again.pass(20_000)
  expect(after.texts).toEqual(['later'])
})

test('reads page after page, and an event of the future holds up nobody', async () => {
  const { config, stream } = await aGroup()
  const put = await stream('kube-apiserver-audit-1')
  const now = Date.now()
  const texts = Array.from({ length: 2500 }, (_, n) => `record-${n}`)
  for (let from = 0; from < texts.length; from += 500) {
    await put(texts.slice(from, from + 500).map((message, n) => ({ message, timestamp: now - 60_000 + from + n })))
  }
  await put([{ message: 'future', timestamp: now + 3_600_000 }])
  const intake = new Intake()
  const source = start((deps) => createCloudWatchLogs(config, deps), intake)
  await source.until(() => intake.records.length >= 2501)
  expect(intake.batches.length).toBeGreaterThan(2)
  await put([{ message: 'after', timestamp: Date.now() }])
  await source.until(() => intake.records.length >= 2502)
  await source.pass(20_000)
  expect(intake.records).toHaveLength(2502)
})

test('says in words what AWS refuses', async () => {
  const { config } = await aGroup()
  const missing = { ...config, group: '/aws/eks/none/cluster' }
  const deps = { name: 'eks', clock: manualClock(), cursor: undefined, log: () => undefined, ...quiet }
  const source = createCloudWatchLogs(missing, deps)
  await expect(source.run(new Intake().emit, new AbortController().signal)).rejects.toThrow(
    'log group /aws/eks/none/cluster cannot be read: ResourceNotFoundException',
  )
})

test('what two users did on EKS, one of them refused, is found; a restart repeats and loses nothing', async () => {
  const { config, stream } = await aGroup()
  const put = await stream('kube-apiserver-audit-1')
  const data = aFolder()
  const sources = [parseSource(config)]
  const first = await aServer({ data, config: { sources } })
  const forbidden = {
    user: { username: 'eve' },
    responseStatus: { code: 403, reason: 'Forbidden' },
    annotations: { 'authorization.k8s.io/decision': 'forbid', 'authorization.k8s.io/reason': 'no binding' },
  }
  await put([{ message: auditRecord(), timestamp: Date.now() }])
  await put([{ message: auditRecord(forbidden), timestamp: Date.now() }])
  expect(await first.find('source:eks actor:ada outcome:success', 1)).toMatchObject([
    { event: { action: 'get' }, audit: { resource: [{ name: 'db', namespace: 'prod' }] } },
  ])
  expect(await first.find('source:eks actor:eve outcome:failure', 1)).toHaveLength(1)
  await first.server.close()

  await put([{ message: auditRecord({ user: { username: 'bob' } }), timestamp: Date.now() }])
  const second = await aServer({ data, config: { sources } })
  expect(await second.find('source:eks actor:bob', 1)).toHaveLength(1)
  const answer = await second.call('GET', '/v1/sources/eks')
  expect(answer.json<SourceAnswer>().accounting).toMatchObject({ received: 3, kept: 3, duplicate: 0 })
})
