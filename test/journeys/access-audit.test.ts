import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

import { loadConfig } from '../../src/server/config.ts'
import { aFolder, aServer } from '../a-server.ts'
import { pathWithCurl } from '../curl.ts'

const ROOT = join(import.meta.dirname, '../..')
const PAGE = readFileSync(join(ROOT, 'docs/rules/access-audit.md'), 'utf8')
const TOKEN = 'a-token-of-mesh-0123456789'

/** The example that has this behind its fence. */
function exampleOf(info: string): string {
  const found = [...PAGE.matchAll(/^```(.*)\n([^]*?)^```$/gm)].find(([, words]) => words === info)
  return found?.[2] ?? `there is no example ${info}`
}

test('the examples of docs/rules/access-audit.md do what the page says', async () => {
  const folder = aFolder()
  mkdirSync(join(folder, 'resources'))
  for (const path of ['whodid.yaml', 'resources/audit-1.yaml', 'resources/audit-2.yaml'])
    writeFileSync(join(folder, path), exampleOf(`yaml ${path}`))
  process.env['MESH_TOKEN'] = TOKEN
  const data = join(folder, '.whodid')
  const config = { ...loadConfig({ file: join(folder, 'whodid.yaml'), data }), listen: '127.0.0.1:0', install: 'acme' }
  const whodid = await aServer({ data, config })

  const sent = await fetch(`${whodid.server.url}/in/mesh`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: exampleOf('json records'),
  })

  expect(await sent.json()).toMatchObject({ received: 3, kept: 2, dropped: 1 })
  const kept = await whodid.find('source:mesh', 2)
  expect(kept.map((event) => event.whodid?.rule).filter((rule) => rule !== undefined)).toEqual(['access-audit/audit-1'])

  const shell = [
    `npm() { [ "$1 $2 $3 $4" = 'run -s whodid --' ] && "$NODE" "$MAIN" "\${@:5}"; }`,
    `curl() { command curl -sS --fail-with-body "\${@/http:\\/\\/127.0.0.1:7421/$URL}"; }`,
  ]
  const env = {
    ...process.env,
    PATH: pathWithCurl(),
    NODE: process.execPath,
    MAIN: join(ROOT, 'src/cli/main.ts'),
    URL: whodid.server.url,
  }
  const script = [...shell, exampleOf('sh access-audit-run')].join('\n')
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { cwd: dirname(data), env })
  expect(stdout).toMatch(/^\{\}/)
  expect(stdout).toContain('"total":3')
  expect(stdout).toContain('"name":"audit-3"')
})

test('where there is no AccessAudit all of a mesh is dropped, and an operator is told', async () => {
  const folder = aFolder()
  writeFileSync(join(folder, 'whodid.yaml'), exampleOf('yaml whodid.yaml').replace('resources: ./resources', ''))
  process.env['MESH_TOKEN'] = TOKEN
  const config = loadConfig({ file: join(folder, 'whodid.yaml'), data: join(folder, '.whodid') })
  const whodid = await aServer({ config: { sources: config.sources } })

  const sent = await fetch(`${whodid.server.url}/in/mesh`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: exampleOf('json records'),
  })

  expect(await sent.json()).toMatchObject({ received: 3, kept: 1, dropped: 2 })
  const { text } = await whodid.call('GET', '/readyz')
  expect(text).toContain('there is no AccessAudit: what mesh says about a mesh is dropped')
})

test('the configuration takes a control plane’s file and a watch, and refuses what is nearly one', () => {
  const folder = aFolder()
  const file = join(folder, 'whodid.yaml')
  const load = (yaml: string) => {
    writeFileSync(file, yaml)
    return loadConfig({ file })
  }
  writeFileSync(join(folder, 'kuma-cp.yaml'), 'mode: zone\nkmesh: {access: {audit: {skipDefaultTypes: [Zone]}}}\n')

  expect(load('include: { kmesh: kuma-cp.yaml }').rules?.rules.set.skipDefaultTypes).toEqual(['Zone'])
  expect(load('accessAudits: { watch: { kubeconfig: prod.yaml } }').accessAudits).toEqual({
    watch: { kubeconfig: join(folder, 'prod.yaml') },
  })
  expect(() => load('accessAudits: { watch: { inCluster: true }, wacth: 1 }')).toThrow('did you mean watch?')
  expect(() => load('accessAudits: { watch: { inCluster: false } }')).toThrow('a watch is { kubeconfig: FILE')

  writeFileSync(join(folder, 'kuma-cp.yaml'), 'kmesh:\n  access:\n    audit: {skipDefaultType: []}\n')
  expect(() => load('include: { kmesh: kuma-cp.yaml }')).toThrow(
    'kuma-cp.yaml:3:13: kmesh.access.audit.skipDefaultType',
  )
})
