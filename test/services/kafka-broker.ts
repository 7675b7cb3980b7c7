import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Certified } from '../certificates.ts'

/** A real broker of Apache Kafka, one node, on 127.0.0.1. */
export interface KafkaBroker {
  /** HOST:PORT for clients: plain, SASL or TLS, as it was started. */
  readonly address: string
  /** HOST:PORT without any of it, as a super user: for the test itself. */
  readonly inside: string
  /** Stops it and starts it again on the same ports with the same data. */
  stop(): Promise<void>
  start(): Promise<void>
  /** Stops it for good and removes its data. */
  remove(): Promise<void>
}

export interface BrokerOptions {
  /** `sasl`: users and rights are those of `SASL_USERS`; `tls`: with the broker's certificate. */
  readonly client?: 'plain' | 'sasl' | { readonly tls: Certified; readonly ca: string }
}

/** alice may do everything, bob may sign in and nothing else. */
export const SASL_USERS = { alice: 'alice-secret', bob: 'bob-secret' } as const

export async function startKafka({ client = 'plain' }: BrokerOptions = {}): Promise<KafkaBroker> {
  const jars = jarsOfKafka()
  const folder = mkdtempSync(join(tmpdir(), 'whodid-kafka-'))
  const [port, inside, control] = [await freePort(), await freePort(), await freePort()]
  const properties = join(folder, 'server.properties')
  writeFileSync(properties, settings(folder, { port, inside, control }, client))
  const users = client === 'sasl' ? scramUsers() : []
  const id = randomBytes(16).toString('base64url')
  java(jars, 'kafka.tools.StorageTool', ['format', '-t', id, '-c', properties, ...users])
  let child = await launch(jars, properties)
  const stop = async (): Promise<void> => {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    if (child.exitCode !== null || !child.kill('SIGTERM')) return
    await gone
  }
  return {
    address: `127.0.0.1:${port}`,
    inside: `127.0.0.1:${inside}`,
    stop,
    async start() {
      child = await launch(jars, properties)
    },
    async remove() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const VERSION = '4.4.0'
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>whodid.tests</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version>
      <exclusions>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>kafka-tools-api</artifactId></exclusion>
      </exclusions>
    </dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`

/** The broker's jars, fetched once by Maven and kept between runs. */
function jarsOfKafka(): string {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'whodid-tests')
  const jars = join(cache, `kafka-${VERSION}`)
  if (existsSync(jars)) return jars
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, 'kafka-'))
  writeFileSync(join(work, 'pom.xml'), POM)
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${join(work, 'jars')}`]
  execFileSync('mvn', ['-B', '-q', '-U', '-f', join(work, 'pom.xml'), ...goal], { stdio: 'pipe' })
  renameSync(join(work, 'jars'), jars)
  rmSync(work, { recursive: true })
  return jars
}

function java(jars: string, main: string, args: readonly string[]): void {
  execFileSync('java', [...JAVA_OPTIONS, '-cp', join(jars, '*'), main, ...args], { stdio: 'pipe' })
}

const JAVA_OPTIONS = ['-Xmx256m', '-Xms128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

const START_MS = 120_000

async function launch(jars: string, properties: string) {
  const args = [...JAVA_OPTIONS, '-Dorg.slf4j.simpleLogger.defaultLogLevel=info', '-cp', join(jars, '*'), 'kafka.Kafka']
  const child = spawn('java', [...args, properties], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-100_000)))
  }
  for (let waited = 0; !said.includes('Kafka Server started'); waited += 50) {
    if (child.exitCode !== null || waited > START_MS) throw new Error(`the broker did not start: ${said.slice(-3000)}`)
    await sleep(50)
  }
  return child
}

function scramUsers(): readonly string[] {
  return ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => {
    return Object.entries(SASL_USERS).flatMap(([name, password]) => {
      return ['--add-scram', `${mechanism}=[name=${name},password=${password}]`]
    })
  })
}

interface Ports {
  readonly port: number
  readonly inside: number
  readonly control: number
}

function settings(
  folder: string,
  { port, inside, control }: Ports,
  client: NonNullable<BrokerOptions['client']>,
): string {
  const protocol = client === 'plain' ? 'PLAINTEXT' : client === 'sasl' ? 'SASL_PLAINTEXT' : 'SSL'
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${control}`,
    `listeners=CLIENT://127.0.0.1:${port},INSIDE://127.0.0.1:${inside},CONTROLLER://127.0.0.1:${control}`,
    `advertised.listeners=CLIENT://127.0.0.1:${port},INSIDE://127.0.0.1:${inside}`,
    `listener.security.protocol.map=CLIENT:${protocol},INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=INSIDE',
    `log.dirs=${join(folder, 'data')}`,
    'auto.create.topics.enable=false',
    'offsets.topic.num.partitions=1',
    'offsets.topic.replication.factor=1',
    'transaction.state.log.num.partitions=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'share.coordinator.state.topic.replication.factor=1',
    'share.coordinator.state.topic.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    'log.cleaner.enable=false',
    ...(client === 'sasl' ? saslSettings() : []),
    ...(typeof client === 'object' ? tlsSettings(folder, client) : []),
    '',
  ].join('\n')
}

function saslSettings(): readonly string[] {
  const plain = Object.entries(SASL_USERS).map(([name, password]) => `user_${name}="${password}"`)
  const security = 'org.apache.kafka.common.security'
  return [
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    `listener.name.client.plain.sasl.jaas.config=${security}.plain.PlainLoginModule required ${plain.join(' ')};`,
    `listener.name.client.scram-sha-256.sasl.jaas.config=${security}.scram.ScramLoginModule required;`,
    `listener.name.client.scram-sha-512.sasl.jaas.config=${security}.scram.ScramLoginModule required;`,
    'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users=User:ANONYMOUS;User:alice',
  ]
}

/** Clients have to show a certificate of the same authority. */
function tlsSettings(folder: string, { tls, ca }: { readonly tls: Certified; readonly ca: string }): readonly string[] {
  const keys = join(folder, 'broker.pem')
  const trusted = join(folder, 'ca.pem')
  writeFileSync(keys, `${tls.key}${tls.cert}`)
  writeFileSync(trusted, ca)
  return [
    'listener.name.client.ssl.keystore.type=PEM',
    `listener.name.client.ssl.keystore.location=${keys}`,
    'listener.name.client.ssl.truststore.type=PEM',
    `listener.name.client.ssl.truststore.location=${trusted}`,
    'listener.name.client.ssl.client.auth=required',
  ]
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on TCP has a port.
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
