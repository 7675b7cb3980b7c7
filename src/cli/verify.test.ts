import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { type TestApi, anApi, bearer } from '../../test/an-api.ts'
import { formatLeaf } from '../../verify/leaf.ts'
import { openLogKeys } from '../ledger/log-keys.ts'
import { type Ledger, openLedger } from '../ledger/ledger.ts'
import { systemClock } from '../lib/clock.ts'
import { realFiles } from '../lib/real-files.ts'
import { type State, openState } from '../state/state.ts'
import { type Ran, ran } from '../../test/a-command.ts'

const LOGS = ['acme/n1/access/2026-11', 'acme/n1/default/2026-11']

let folder: string
let state: State
let ledger: Ledger
let api: TestApi
let url: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-verify-'))
  state = openState({ folder, install: 'acme', clock: systemClock })
  const keys = await openLogKeys(realFiles, join(folder, 'keys'))
  ledger = await openLedger({ files: realFiles, folder: join(folder, 'ledger'), keys, checkpoints: state.checkpoints })
  for (const log of LOGS) ledger.append(log, 0, leaves(600))
  await ledger.flush()
  await ledger.sign((log) => ledger.size(log))
  api = anApi({ ledger })
  url = await api.app.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  await api.close()
  await ledger.stop()
  state.close()
  rmSync(folder, { recursive: true, force: true })
})

function leaves(count: number): readonly Uint8Array[] {
  const [t, c] = ['2026-11-24T12:00:00.000Z', Buffer.alloc(32).toString('base64url')]
  return Array.from({ length: count }, (_, n) => {
    const id = Buffer.alloc(16)
    id.writeUInt32BE(n)
    return Buffer.from(
      formatLeaf({ t, r: t, s: 'shop', d: 'shop', y: 'buy', o: 'success', id: id.toString('base64url'), c }),
    )
  })
}

function verify(...args: string[]): Promise<Ran> {
  return ran(['verify', ...args], { env: { WHODID_TOKEN: api.token({ scope: 'read' }) } })
}

test('prints one line for each log that is as it was signed', async () => {
  const { code, out, err } = await verify(url)

  expect(code).toBe(0)
  expect(err).toBe('2 logs verified\n')
  for (const [n, line] of out.trimEnd().split('\n').entries()) {
    expect(line).toMatch(new RegExp(`^ok {4}${LOGS[n]} {2}600 entries {2}root [\\w+/]{43}= {2}key ${LOGS[n]}\\+`))
  }
})

test('one flipped byte in any file of the ledger is found, in the log that it is in', async () => {
  const [log = ''] = LOGS
  const files = readdirSync(join(folder, 'ledger', log))
  expect(files.length).toBeGreaterThan(5)
  for (const file of files) {
    const path = join(folder, 'ledger', log, file)
    const whole = readFileSync(path)
    const flipped = Buffer.from(whole)
    const at = Math.floor(whole.length / 2)
    flipped[at] = (whole[at] ?? 0) ^ 1
    writeFileSync(path, flipped)
    const { code, out } = await verify(url)
    writeFileSync(path, whole)

    expect([file, code]).toEqual([file, 1])
    expect(out).toContain(`FAIL  ${log}  `)
    expect(out).toContain(`ok    ${LOGS[1]}  `)
  }
  expect((await verify(url)).code).toBe(0)
})

test('a folder in tlog-tiles layout is verified without a server', async () => {
  const [log = ''] = LOGS
  const copy = join(folder, 'copy')
  const tiles = ['tile/0/000', 'tile/0/001', 'tile/0/002.p/88', 'tile/1/000.p/2']
  const entries = ['tile/entries/000', 'tile/entries/001', 'tile/entries/002.p/88']
  for (const path of ['checkpoint', 'log.vkey', 'log.json', ...tiles, ...entries]) {
    const answer = await api.app.inject({ url: `/log/${log}/${path}`, headers: bearer(api.token({ scope: 'read' })) })
    expect([path, answer.statusCode]).toEqual([path, 200])
    const bytes = answer.headers['content-encoding'] === 'gzip' ? gunzipSync(answer.rawPayload) : answer.rawPayload
    mkdirSync(dirname(join(copy, path)), { recursive: true })
    writeFileSync(join(copy, path), bytes)
  }
  expect(await verify(copy)).toMatchObject({ code: 0, err: '1 log verified\n' })

  writeFileSync(join(copy, 'tile/0/001'), Buffer.alloc(8192))
  expect(await verify(copy)).toMatchObject({ code: 1, out: expect.stringContaining('tile/0/001') })
  rmSync(join(copy, 'tile/0/001'))
  expect(await verify(copy)).toMatchObject({ code: 1, out: expect.stringMatching(/^FAIL .*tile\/0\/001/) })
})

test('a server that shows no log is not verified, nor one that cannot speak', async () => {
  const answers = ['{"logs":[]}', '<html>\u001b]0;owned\u0007</html>']
  const other = createServer((_request, response) => response.end(answers.shift()))
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  // A server that listens on TCP has a port.
  const at = `http://127.0.0.1:${(other.address() as AddressInfo).port}`

  expect(await verify(at)).toMatchObject({ code: 1, out: '', err: 'whodid: there is no log to verify\n' })
  const { code, err } = await verify(at)
  expect(code).toBe(1)
  expect(err).toBe(`whodid: ${at} does not answer as whodid does\n  hint: check --url or WHODID_URL\n`)
  other.close()
})

test('a server that does not answer is not verified', async () => {
  expect(await verify('http://127.0.0.1:1')).toMatchObject({ code: 1, out: '' })
})
