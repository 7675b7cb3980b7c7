import type { Random } from './seeded.ts'
import { pick, uuidOf } from './seeded.ts'
import { timeOf } from './kubernetes-record.ts'
import { at } from './week.ts'

/** Audit events of the company's build service, in Elastic Common Schema: sign-ins, accounts, and its cache. */

interface Person {
  readonly name: string
  readonly email: string
  readonly roles: readonly string[]
  readonly ip: string
}

const person = (name: string, role: string, ip: string): Person => ({
  name,
  email: `${name}@acme.example`,
  roles: [role],
  ip,
})

const ALICE = person('alice', 'admin', '10.20.0.11')
const BOB = person('bob', 'developer', '10.20.0.23')
const CAROL = person('carol', 'developer', '10.20.0.37')
const DAVE = person('dave', 'viewer', '10.20.0.42')
const ERIN = person('erin', 'developer', '10.20.0.88')
const PEOPLE = [ALICE, BOB, CAROL, DAVE, ERIN]
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0'
const BAZEL = 'bazel/8.4.2'

type Fields = Readonly<Record<string, unknown>>

/** One line of the build service's log. */
function line(micros: number, event: Fields, rest: Fields): string {
  const id = uuidOf(JSON.stringify([micros, event, rest]))
  return JSON.stringify({
    '@timestamp': timeOf(micros),
    event: { id, kind: 'event', ...event, dataset: 'builds.audit', module: 'builds' },
    ...rest,
    service: { name: 'builds' },
  })
}

function userOf({ name, email, roles }: Person): Fields {
  return { kind: 'person', name, email, roles }
}

function signIn(micros: number, who: Person, reason?: string, ip = who.ip): string {
  const outcome = reason === undefined ? 'success' : 'failure'
  const event = { category: ['authentication'], type: ['start'], action: 'user-login', outcome, reason }
  const authn = { method: 'oidc', provider: 'login.acme.example', mfa: reason === undefined }
  return line(micros, event, { user: userOf(who), source: { ip }, user_agent: { original: FIREFOX }, audit: { authn } })
}

function signOut(micros: number, who: Person): string {
  const event = { category: ['authentication'], type: ['end'], action: 'user-logout', outcome: 'success' }
  return line(micros, event, { user: userOf(who), source: { ip: who.ip }, user_agent: { original: FIREFOX } })
}

function scim(micros: number, action: string, type: string, target: string, roles?: readonly string[]): string {
  const event = { category: ['iam'], type: ['user', type], action, outcome: 'success' }
  const acted = { name: target, email: `${target}@acme.example`, ...(roles && { roles }) }
  const user = { kind: 'service', name: 'scim-provisioner', target: acted }
  return line(micros, event, { user, source: { ip: '10.20.0.5' }, user_agent: { original: 'okta-scim/1.0' } })
}

type Store = 'ac' | 'cas'

/** A read or a write of the build cache: by the build server, for whoever asked for the build. */
function cache(micros: number, verb: 'read' | 'write' | 'delete', store: Store, forWhom: Person | undefined): string {
  const type = { read: 'access', write: 'creation', delete: 'deletion' }[verb]
  const event = { category: ['file'], type: [type], action: verb, outcome: 'success' }
  const digest = uuidOf(String(micros)).replaceAll('-', '').repeat(2)
  const delegation = forWhom && [{ kind: 'person', name: forWhom.name, via: 'build' }]
  return line(micros, event, {
    user: { kind: 'service', name: 'ci-bot' },
    source: { ip: '10.42.3.17' },
    user_agent: { original: BAZEL },
    file: { path: `${store}/${digest}`, hash: { sha256: digest } },
    audit: { resource: [{ type: store, name: digest.slice(0, 12), id: digest, parent: 'default' }], delegation },
    labels: { instance: 'default', pipeline: forWhom === undefined ? 'nightly' : 'pull-request' },
  })
}

/** What happens once a week, at its own hour. */
export function buildsStory(): readonly string[] {
  const breakGlass = person('break-glass', 'admin', '198.51.100.77')
  const guess = (nth: number): string =>
    signIn(at('sun', '04:41:10') + nth * 2_300_000, ALICE, 'wrong password', '203.0.113.50')
  return [
    scim(at('mon', '08:55:02'), 'user-create', 'creation', 'erin', ['developer']),
    signIn(at('mon', '09:02:47'), ERIN),
    signIn(at('tue', '08:12:19'), BOB, 'wrong password'),
    signIn(at('tue', '08:12:41'), BOB, 'wrong password'),
    signIn(at('tue', '08:13:08'), BOB),
    scim(at('wed', '16:31:20'), 'user-update', 'change', 'erin', ['viewer']),
    signIn(at('thu', '02:10:58'), breakGlass, 'second factor missing'),
    signIn(at('thu', '02:12:33'), breakGlass),
    signOut(at('thu', '03:05:12'), breakGlass),
    ...[0, 1, 2, 3, 4, 5, 6].map(guess),
    scim(at('fri', '16:30:00'), 'user-delete', 'deletion', 'erin'),
    signIn(at('fri', '16:44:15'), ERIN, 'account is disabled'),
  ]
}

/** What happens all the time. */
export function buildsRoutine(random: Random, count: number): readonly string[] {
  const first = at('mon', '08:00:00')
  return Array.from({ length: count }, (_, nth) => {
    const micros = first + nth * 60_000_000 + Math.floor(random() * 50_000_000)
    const dice = random()
    if (dice < 0.1) return signIn(micros, pick(random, PEOPLE))
    if (dice < 0.13) return signIn(micros, pick(random, PEOPLE), 'wrong password')
    if (dice < 0.18) return signOut(micros, pick(random, PEOPLE))
    const forWhom = random() < 0.7 ? pick(random, PEOPLE) : undefined
    const store = random() < 0.6 ? 'cas' : 'ac'
    if (dice < 0.75) return cache(micros, 'read', store, forWhom)
    return cache(micros, dice < 0.98 ? 'write' : 'delete', store, forWhom)
  })
}
