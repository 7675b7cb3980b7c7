import { Buffer } from 'node:buffer'
import type { JsonObject } from '../src/domain/event.ts'
import type { DefaultMask } from '../src/rules/default-masks-names.ts'

/** A secret that one default mask alone takes away: what must vanish, and how it stands in a record. */
export interface SecretSample {
  readonly rule: DefaultMask
  readonly secret: string
  readonly json: JsonObject
  readonly line: string
}

/**
 * One for every default mask, made up here: no scanner of repositories finds a token in this file.
 *
 * @param mark Letters and digits that make its secrets different from those of another call.
 */
export function secretSamples(mark: string): readonly SecretSample[] {
  const word = (n: number): string => `Hq${n}x${mark}`
  const long = (length: number): string => `Zk9${mark}`.padEnd(length, 'aB3dE5fG7h').slice(0, length)
  const lower = `${mark.toLowerCase()}0a1b2c3d4e5f6g7h`.slice(0, 16)
  const upper = `${mark.toUpperCase()}QWERTYUIOPASDFGHJKLZXCVBNM`
  const keyed = (rule: DefaultMask, key: string, secret: string, line = `${key}=${secret}`): SecretSample => {
    return { rule, secret, json: { [key]: secret }, line }
  }
  const text = (rule: DefaultMask, secret: string, line: string): SecretSample => {
    return { rule, secret, json: { note: line }, line }
  }
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const jwt = [part({ alg: 'RS256', typ: 'JWT' }), part({ sub: mark }), long(43)].join('.')
  const pem = (label: string): string => `-----BEGIN ${label}-----\\nMII${long(60)}\\n-----END ${label}-----`
  return [
    keyed('secret/authorization', 'Proxy-Authorization', `Custom ${word(1)}`, `Proxy-Authorization: Basic ${word(1)}`),
    keyed('secret/cookie', 'Set-Cookie', `sid=${word(2)}`, `Set-Cookie: sid=${word(2)}`),
    keyed('secret/password', 'db_Passwd', word(3)),
    keyed('secret/secret', 'clientSecret', word(4)),
    keyed('secret/token', 'x-auth-token', word(5)),
    keyed('secret/api-key', 'X-Api-Key', word(6)),
    keyed('secret/private-key', 'private_key', word(7)),
    keyed('secret/session', 'JSESSIONID', long(32)),
    {
      rule: 'secret/kubernetes-secret',
      secret: word(9),
      json: { object: { kind: 'Secret', data: { anything: word(9) } } },
      line: `{"kind":"Secret","data":{"anything":"${word(9)}"}}`,
    },
    keyed('secret/last-applied-configuration', 'kubectl.kubernetes.io/last-applied-configuration', word(10)),
    text('secret/sql', word(11), `CREATE ROLE app LOGIN PASSWORD '${word(11)}'`),
    text('secret/command-line', word(12), `mysql -u root -p${word(12)} shop`),
    text('secret/url', word(13), `clone https://ada:${word(13)}@git.example.org/shop.git`),
    text('secret/aws-key', `AKIA${upper.slice(0, 16)}`, `signed by AKIA${upper.slice(0, 16)} at once`),
    text('secret/google-key', `AIza${long(35)}`, `asked with AIza${long(35)} for a map`),
    text('secret/azure-key', `${long(40)}%3D`, `get /backup/a.bin?sv=2026-01-01&sig=${long(40)}%3D&sp=r`),
    text('secret/github-token', `ghp_${long(36)}`, `pushed with ghp_${long(36)} to main`),
    text('secret/gitlab-token', `glpat-${long(20)}`, `pushed with glpat-${long(20)} to main`),
    text('secret/slack-token', `xoxb-${long(24)}`, `posted with xoxb-${long(24)} to all`),
    text('secret/stripe-key', `sk_live_${long(24)}`, `charged with sk_live_${long(24)} today`),
    text('secret/npm-token', `npm_${long(36)}`, `published with npm_${long(36)} today`),
    text('secret/pypi-token', `pypi-${long(60)}`, `published with pypi-${long(60)} today`),
    text('secret/jwt', jwt, `signed in with ${jwt} today`),
    text('secret/pem', `MII${long(60)}`, `wrote ${pem('OPENSSH PRIVATE KEY')} to disk`),
    text(
      'secret/age-key',
      `${upper.slice(0, 20)}${'Q'.repeat(38)}`,
      `AGE-SECRET-KEY-1${upper.slice(0, 20)}${'Q'.repeat(38)}`,
    ),
    text('secret/bootstrap-token', lower, `kubeadm joined with x1y2z3.${lower} today`),
    text('secret/whodid-token', `wd_${long(12)}_${long(43)}`, `called with wd_${long(12)}_${long(43)} today`),
  ]
}
