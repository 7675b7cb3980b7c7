import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { inClusterServer, readKubeconfig } from './kubeconfig.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-kubeconfig-'))
  writeFileSync(join(folder, 'ca.crt'), 'CA')
  writeFileSync(join(folder, 'token'), 'token-1\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function write(user: string, more = ''): string {
  const file = join(folder, 'config.yaml')
  writeFileSync(
    file,
    `apiVersion: v1
kind: Config
preferences: {}
clusters:
  - { name: prod, cluster: { server: "https://10.0.0.1:6443/", certificate-authority: ca.crt } }
  - { name: lab, cluster: { server: "https://lab", certificate-authority-data: ${Buffer.from('LAB').toString('base64')}, insecure-skip-tls-verify: true } }
users: [{ name: me, user: ${user} }]
contexts:
  - { name: prod, context: { cluster: prod, user: me, namespace: shop } }
  - { name: lab, context: { cluster: lab, user: me } }
${more}`,
  )
  return file
}

test('reads the current context, with files beside it', () => {
  const server = readKubeconfig(write('{ token: secret }', 'current-context: prod'))

  expect({ ...server, token: server.token() }).toEqual({ url: 'https://10.0.0.1:6443', ca: 'CA', token: 'secret' })
})

test('reads the context that is named, with what stands in the file itself', () => {
  const [cert, key] = ['CERT', 'KEY'].map((text) => Buffer.from(text).toString('base64'))
  const server = readKubeconfig(write(`{ client-certificate-data: ${cert}, client-key-data: ${key} }`), 'lab')

  expect(server).toMatchObject({ url: 'https://lab', ca: 'LAB', cert: 'CERT', key: 'KEY', insecure: true })
  expect(server.token()).toBeUndefined()
})

test('a token of a file is read each time: it is renewed', () => {
  const { token } = readKubeconfig(write('{ tokenFile: token }'), 'prod')
  expect(token()).toBe('token-1')

  writeFileSync(join(folder, 'token'), 'token-2\n')
  expect(token()).toBe('token-2')
})

test('a pod finds its cluster by its environment and the account that is mounted', () => {
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }

  expect(inClusterServer(env, folder)).toMatchObject({ url: 'https://[fd00::1]:443', ca: 'CA' })
  expect(() => inClusterServer({}, folder)).toThrow('runs in no pod')
})

describe('refuses, without a word of what the file holds,', () => {
  test.each<[string, string, string | undefined, string]>([
    ['a context that is not there', '{ token: secret }', 'stage', 'there is no context stage'],
    ['no current context', '{ token: secret }', undefined, 'there is no context that is the current one'],
    ['a program', '{ exec: { command: aws } }', 'prod', 'signs in by exec, which is not supported'],
    [
      'a certificate that is not there',
      '{ client-certificate: gone.crt }',
      'prod',
      'gone.crt: it cannot be read (ENOENT)',
    ],
    ['what is no YAML', '{ token: secret', 'prod', 'it is no YAML'],
  ])('%s', (_, user, context, message) => {
    const file = write(user)

    expect(() => readKubeconfig(file, context)).toThrow(message)
    expect(() => readKubeconfig(file, context)).not.toThrow('secret')
  })

  test('what is no kubeconfig', () => {
    const file = join(folder, 'other.yaml')
    writeFileSync(file, 'clusters: none')

    expect(() => readKubeconfig(file)).toThrow('clusters')
  })
})
