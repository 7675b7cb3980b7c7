import type { Random } from '../test/seeded.ts'
import { seeded } from '../test/seeded.ts'

/**
 * Events of a made-up company, the same for the same seed: 700 bytes each, as an application sends them in Elastic Common
 * Schema. 20,000 users, of whom a few do most (the first one 3.7 % of everything, the last ones one in 60,000).
 */
export interface Corpus {
  /** NDJSON of `count` events. @param timeOf time of the nth of them, milliseconds since 1970. */
  batch(count: number, timeOf: (n: number) => number): Buffer
}

export const EVENT_BYTES = 700
export const USERS = 20_000
/** A word that one event in ten thousand has in its message. */
export const RARE_WORD = 'quicksilver'

export function createCorpus(seed: number): Corpus {
  const random = seeded(seed)
  return {
    batch(count, timeOf) {
      const lines = Array.from({ length: count }, (_, n) => line(random, timeOf(n)))
      return Buffer.from(`${lines.join('\n')}\n`)
    },
  }
}

/** Names of users by rank: 0 does most. */
export function userName(rank: number): string {
  return `${pick(FIRST, rank)}.${pick(LAST, Math.floor(rank / FIRST.length))}${rank}`
}

const FIRST = ['ada', 'bo', 'carl', 'dina', 'elin', 'finn', 'gro', 'hugo', 'ines', 'jon', 'kaja', 'lars', 'mia', 'nils']
const LAST = ['berg', 'dahl', 'ek', 'falk', 'holm', 'lind', 'moen', 'nord', 'olsen', 'rud', 'sand', 'vik']
const ACTIONS = ['login', 'read', 'update', 'delete', 'create', 'approve', 'export', 'share', 'invite', 'rename']
const TYPES = ['invoice', 'report', 'project', 'secret', 'dashboard', 'customer', 'contract', 'key']
const TEAMS = ['billing', 'sales', 'platform', 'support', 'people', 'legal', 'research', 'security']
const WORDS = Array.from({ length: 2000 }, (_, n) => `${pick(FIRST, n)}${pick(LAST, n * 7)}${n.toString(36)}`)
const BROWSERS = ['Firefox/142.0', 'Chrome/141.0.0.0', 'Safari/605.1.15', 'curl/8.14.1']

function line(random: Random, timeMs: number): string {
  const rank = Math.floor(USERS * random.next() ** 3)
  const name = userName(rank)
  const type = pick(TYPES, random.between(0, TYPES.length - 1))
  const action = pick(ACTIONS, random.between(0, ACTIONS.length - 1))
  const isDenied = random.chance(0.03)
  const team = pick(TEAMS, rank)
  const event = {
    '@timestamp': new Date(timeMs).toISOString(),
    event: {
      action,
      category: ['web'],
      type: ['access'],
      outcome: isDenied ? 'failure' : 'success',
      dataset: 'app.office',
    },
    user: { id: `u${rank}`, name, email: `${name}@example.com`, roles: [team] },
    source: { ip: `10.${rank % 8}.${(rank >> 3) % 256}.${random.between(1, 254)}` },
    user_agent: { original: `Mozilla/5.0 (X11; Linux x86_64) ${pick(BROWSERS, random.between(0, 3))}` },
    audit: {
      resource: [{ type, id: String(random.between(1, 500_000)), name: `${type}-${random.between(1, 500_000)}` }],
      authz: { decision: isDenied ? 'deny' : 'allow', policies: [{ name: `${team}-${type}` }] },
    },
    http: { request: { id: hex(random), method: 'POST' } },
    labels: { team, environment: 'production' },
    message: '',
  }
  const json = JSON.stringify(event)
  // The empty message ends in `""}`.
  return `${json.slice(0, -2)}${message(random, EVENT_BYTES - json.length)}"}`
}

function message(random: Random, length: number): string {
  let text = random.chance(0.0001) ? RARE_WORD : pick(WORDS, random.between(0, 1999))
  while (text.length < length) text += ` ${pick(WORDS, random.between(0, 1999))}`
  return text.slice(0, Math.max(length, RARE_WORD.length))
}

function hex(random: Random): string {
  return Array.from({ length: 4 }, () => random.between(0, 0xffffffff).toString(16).padStart(8, '0')).join('')
}

function pick(list: readonly string[], n: number): string {
  return list[n % list.length] ?? ''
}
