import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import type { Clock } from '../lib/clock.ts'
import { type State, openState } from '../state/state.ts'
import { type Auth, createAuth, type ShownCredentials } from './auth.ts'

const DAY_MS = 24 * 60 * 60 * 1000

let folder: string
let state: State
let now: number
let auth: Auth
const clock: Clock = { now: () => now, later: () => ({ cancel: () => {} }) }

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-auth-'))
  now = Date.parse('2026-11-24T12:00:00Z')
  state = openState({ folder, clock })
  auth = createAuth({ state, clock, receiverSecrets: new Map([['prod-1', 'sixteen-letters-']]) })
})
afterEach(() => {
  state.close()
  rmSync(folder, { recursive: true, force: true })
})

test('a token is known by its whole text, and only until it ends', () => {
  const { token, info } = auth.createToken({ scope: 'read', name: 'ada' }, 'local:0')

  expect(token).toMatch(/^wd_[A-Za-z0-9]{12}_[A-Za-z0-9_-]{43}$/)
  expect(auth.callerOfToken(token)).toMatchObject({ id: `token:${info.id}`, name: 'ada', scope: 'read', source: 'api' })
  expect(auth.callerOfToken(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`)).toBeUndefined()
  expect(auth.callerOfToken(`wd_aaaaaaaaaaaa_${token.slice(-43)}`)).toBeUndefined()
  now += 90 * DAY_MS
  expect(auth.callerOfToken(token)).toBeUndefined()
})

test('an ingest token writes as its source and does not end by itself', () => {
  const { token, info } = auth.createToken({ scope: 'ingest', source: 'shop' }, 'local:0')

  expect(info.expiresAt).toBeUndefined()
  now += 4000 * DAY_MS
  expect(auth.callerOfToken(token)).toMatchObject({ source: 'shop', scope: 'ingest' })
})

test('a read token has no source to write as', () => {
  expect(() => auth.createToken({ scope: 'read', source: 'shop' }, 'local:0')).toThrow(/writes nothing/)
})

test.each(['actor', 'user.nmae', 'label.team', '@timestamp', 'event', 'event.id'])(
  'a token cannot promise to hide %s, which would hide nothing or cannot be done without',
  (path) => {
    expect(() => auth.createToken({ scope: 'read', hide: [path] }, 'test')).toThrow(path)
    expect(() => auth.createToken({ scope: 'read', hide: ['user', 'labels.team'] }, 'test')).not.toThrow()
  },
)

test('a revoked token is nobody, and is revoked once only', () => {
  const { token, info } = auth.createToken({ scope: 'admin' }, 'local:0')
  auth.revokeToken(info.id)

  expect(auth.callerOfToken(token)).toBeUndefined()
  expect(auth.listTokens()).toMatchObject([{ id: info.id, revokedAt: now }])
  expect(() => auth.revokeToken(info.id)).toThrow(/no token/)
})

test('keeps no secret in clear', () => {
  const { token } = auth.createToken({ scope: 'read' }, 'local:0')
  const stored = state.tokens.list()[0]

  expect(JSON.stringify(auth.listTokens())).not.toContain(token.slice(-43))
  expect(Buffer.from(stored?.secretHash ?? []).toString('base64url')).not.toBe(token.slice(-43))
})

test('a sign-in link is good once', () => {
  const secret = auth.createAdminLink()
  const session = auth.signIn(secret, undefined)

  expect(auth.callerOfSession(session.cookie)).toMatchObject({ name: 'admin', scope: 'admin', kind: 'session' })
  expect(() => auth.signIn(secret, undefined)).toThrow(/was used before/)
})

test('a sign-in link ends after ten minutes, and a wrong one is refused', () => {
  const secret = auth.createAdminLink()
  now += 10 * 60 * 1000

  expect(() => auth.signIn(secret, undefined)).toThrow(/older than ten minutes/)
  expect(() => auth.signIn('wrong', undefined)).toThrow(/is not known/)
})

test('signing in again gives a new session and ends the old one', () => {
  const first = auth.signIn(auth.createAdminLink(), undefined)
  const second = auth.signIn(auth.createAdminLink(), first.cookie)

  expect(second.cookie).not.toBe(first.cookie)
  expect(auth.callerOfSession(first.cookie)).toBeUndefined()
  expect(auth.callerOfSession(second.cookie)).toBeDefined()
})

test('a session ends by signing out, and after twelve hours', () => {
  const left = auth.signIn(auth.createAdminLink(), undefined)
  auth.signOut(left.cookie)
  expect(auth.callerOfSession(left.cookie)).toBeUndefined()

  const kept = auth.signIn(auth.createAdminLink(), undefined)
  now += DAY_MS / 2
  expect(auth.callerOfSession(kept.cookie)).toBeUndefined()
})

test('a receiver knows its own secret and the tokens of its source, and no other', () => {
  const { token } = auth.createToken({ scope: 'ingest', source: 'prod-1' }, 'local:0')
  const { token: other } = auth.createToken({ scope: 'ingest', source: 'prod-2' }, 'local:0')

  const callerOf = (name: string, bearer: string) => auth.callerOfReceiver(name, { bearer, certificate: undefined })

  expect(callerOf('prod-1', 'sixteen-letters-')).toMatchObject({ source: 'prod-1', scope: 'ingest' })
  expect(callerOf('prod-1', token)).toMatchObject({ source: 'prod-1' })
  expect(callerOf('prod-1', other)).toBeUndefined()
  expect(callerOf('prod-2', 'sixteen-letters-')).toBeUndefined()
  expect(callerOf('prod-1', '')).toBeUndefined()
  expect(auth.callerOfReceiver('prod-1', { bearer: undefined, certificate: undefined })).toBeUndefined()
})

test('a receiver that wants a certificate wants it from everybody, and its secret as well where it has one', () => {
  const fingerprint = 'ab'.repeat(32)
  const receiverCertificates = new Map([
    ['prod-1', { subject: 'CN=prod-1' }],
    ['prod-2', { fingerprint: `SHA256:${fingerprint.toUpperCase()}` }],
  ])
  const receiverSecrets = new Map([['prod-1', 'sixteen-letters-']])
  const strict = createAuth({ state, clock, receiverSecrets, receiverCertificates })
  const { token } = strict.createToken({ scope: 'ingest', source: 'prod-2' }, 'local:0')
  const shown = (name: string) => ({ fingerprint, subject: new Map([['CN', [name]]]) })

  const secret = 'sixteen-letters-'
  const callerOf = (name: string, shownNow: ShownCredentials) => strict.callerOfReceiver(name, shownNow)
  expect(callerOf('prod-1', { bearer: secret, certificate: shown('prod-1') })).toMatchObject({ source: 'prod-1' })
  expect(callerOf('prod-1', { bearer: undefined, certificate: shown('prod-1') })).toBeUndefined()
  expect(callerOf('prod-1', { bearer: secret, certificate: undefined })).toBeUndefined()
  expect(callerOf('prod-1', { bearer: secret, certificate: shown('prod-2') })).toBeUndefined()

  expect(callerOf('prod-2', { bearer: undefined, certificate: shown('any') })).toMatchObject({ source: 'prod-2' })
  expect(callerOf('prod-2', { bearer: 'wrong', certificate: shown('any') })).toBeUndefined()
  expect(callerOf('prod-2', { bearer: token, certificate: undefined })).toBeUndefined()
})

test('refuses a receiver secret that could be guessed', () => {
  const receiverSecrets = new Map([['prod-1', 'short']])

  expect(() => createAuth({ state, clock, receiverSecrets })).toThrow(/token of source prod-1 is too short/)
})
