import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

import { aFolder } from '../../test/a-server.ts'
import { manualClock } from '../../test/manual-clock.ts'
import type { FileRules } from '../rules/rule-layers.ts'
import { NO_RULES } from '../rules/rule-set.ts'
import { type AccessAuditWatch, createAccessAuditWatch } from './access-audit-watch.ts'

const item = (name: string, access = 'CREATE') => ({
  metadata: { name, uid: 'u' },
  spec: { rules: [{ access: [access] }] },
})

function files(names: readonly string[], origin = 'resources/a.yaml:1:1'): FileRules {
  const accessAudits = names.map((name) => ({ name, rules: [] }))
  const origins = Object.fromEntries(names.map((name) => [`access-audit/${name}`, origin]))
  return { set: { ...NO_RULES, accessAudits }, origins, warnings: [] }
}

const namesOf = ({ set }: FileRules) => set.accessAudits.map(({ name }) => name)

interface Bench {
  readonly watch: AccessAuditWatch
  readonly url: string
  readonly log: string[]
  /** Sends an event into the watch that stands; resolves when that was told or logged. */
  readonly send: (type: string, object: object) => Promise<void>
}

/** A watch that has listed these. */
async function watching(items: readonly object[]): Promise<Bench> {
  const standing = Promise.withResolvers<ServerResponse>()
  const server: Server = createServer((request, response) => {
    if (request.url?.includes('watch=1') !== true)
      return response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items }))
    response.flushHeaders()
    standing.resolve(response)
    return undefined
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on TCP has a port.
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const kubeconfig = join(aFolder(), 'kubeconfig.yaml')
  const contexts = 'contexts: [{name: c, context: {cluster: c, user: u}}], current-context: c'
  writeFileSync(kubeconfig, `{clusters: [{name: c, cluster: {server: "${url}"}}], ${contexts}}`)
  const log: string[] = []
  let happened = (): void => undefined
  const next = () => new Promise<void>((resolve) => (happened = resolve))
  const watch = createAccessAuditWatch({
    config: { watch: { kubeconfig } },
    clock: manualClock(),
    log(line) {
      log.push(line)
      happened()
    },
  })
  const end = new AbortController()
  const first = next()
  const done = watch.run(() => happened(), end.signal)
  onTestFinished(async () => {
    end.abort()
    await done
    server.closeAllConnections()
    server.close()
  })
  await first
  return {
    watch,
    url,
    log,
    async send(type, object) {
      const response = await standing.promise
      const told = next()
      response.write(`${JSON.stringify({ type, object })}\n`)
      await told
    },
  }
}

test('those of the cluster stand beside those of files, and say where they come from', async () => {
  const { watch, url } = await watching([item('b'), item('a')])

  const both = watch.withThem(files(['own']), files([]))

  expect(namesOf(both)).toEqual(['own', 'a', 'b'])
  expect(both.origins['access-audit/a']).toBe(`kubernetes ${url}`)
})

test('one that is not understood keeps all as they were, and is said until it is gone', async () => {
  const { watch, log, send } = await watching([item('a')])

  await send('ADDED', item('b', 'DELTE'))
  expect(watch.trouble()).toContain('spec.rules[0].access[0]: is no operation; did you mean DELETE?')
  expect(namesOf(watch.withThem(files([]), files([])))).toEqual(['a'])

  await send('MODIFIED', item('b', 'DELETE'))
  expect(watch.trouble()).toBeUndefined()
  expect(namesOf(watch.withThem(files([]), files([])))).toEqual(['a', 'b'])
  expect(log).toHaveLength(2)
})

test('before they were listed those that were in force stay, also over a restart', () => {
  const kubeconfig = join(aFolder(), 'kubeconfig.yaml')
  const contexts = 'contexts: [{name: c, context: {cluster: c, user: u}}], current-context: c'
  writeFileSync(kubeconfig, `{clusters: [{name: c, cluster: {server: "https://gone"}}], ${contexts}}`)
  const watch = createAccessAuditWatch({
    config: { watch: { kubeconfig } },
    clock: manualClock(),
    log: () => undefined,
  })
  const inForce = files(['theirs'], 'kubernetes https://gone')

  expect(namesOf(watch.withThem(files(['own']), inForce))).toEqual(['own', 'theirs'])
  expect(namesOf(watch.withThem(files(['own']), files(['was-own'])))).toEqual(['own'])
})

test('a name that a file has too is refused', async () => {
  const { watch } = await watching([item('a')])

  expect(() => watch.withThem(files(['a']), files([]))).toThrow(
    'AccessAudit a is in resources/a.yaml:1:1 and in the cluster',
  )
})
