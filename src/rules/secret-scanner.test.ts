import fc from 'fast-check'
import { expect, test } from 'vitest'
import { secretSamples } from '../../test/secret-samples.ts'
import { maskOf } from './default-masks-names.ts'
import { outermost } from './secret-scanner-triggers.ts'
import { mayHoldSecrets, secretsInText } from './secret-scanner.ts'

const S = 'hunter2secret'
const LONG = 'Ab3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7dE9'

function masked(text: string): string {
  const pieces: string[] = []
  let from = 0
  for (const { start, end, rule } of outermost(secretsInText(text, () => false))) {
    pieces.push(text.slice(from, start), maskOf(rule))
    from = end
  }
  return [...pieces, text.slice(from)].join('')
}

test.each([
  [`password=${S}`, 'password=[masked secret/password]'],
  [`db_password = ${S} user=ada`, 'db_password = [masked secret/password] user=ada'],
  [`login failed {"password":"${S}"}`, 'login failed {"password":"[masked secret/password]"}'],
  [`sent {\\"password\\":\\"${S}\\"}`, 'sent {\\"password\\":\\"[masked secret/password]\\"}'],
  [`{:user "x" :password "${S}"}`, '{:user "x" :password "[masked secret/password]"}'],
  [`host=db password='${S} z' user=ada`, "host=db password='[masked secret/password]' user=ada"],
  [`Server=x;Pwd=${S};Database=y`, 'Server=x;Pwd=[masked secret/password];Database=y'],
  [`password='it''s ${S}'`, "password='[masked secret/password]'"],
  [`user=ada&password=${S}&x=1`, 'user=ada&password=[masked secret/password]&x=1'],
  [`%22password%22%3A%22${S}%22%2C`, '%22password%22%3A%22[masked secret/password]%22%2C'],
  [`GET /x?token=${S}&y=1`, 'GET /x?token=[masked secret/token]&y=1'],
  [`Authorization: Bearer ${S}`, 'Authorization: [masked secret/authorization]'],
  [`curl -H 'Authorization: Basic ${S}' https://x`, "curl -H 'Authorization: [masked secret/authorization]' https://x"],
  [`told Bearer ${S} to go`, 'told Bearer [masked secret/authorization] to go'],
  [`Cookie: a=${S}; b=2\nHost: x`, 'Cookie: [masked secret/cookie]\nHost: x'],
  [`postgres://ada:${S}@db:5432/shop`, 'postgres://ada:[masked secret/url]@db:5432/shop'],
  [`mysql -p${S} -h db`, 'mysql -p[masked secret/command-line] -h db'],
  [`sshpass -p ${S} ssh ada@db`, 'sshpass -p [masked secret/command-line] ssh ada@db'],
  [`curl -u ada:${S} x`, 'curl -u ada:[masked secret/command-line] x'],
  [`redis-cli -a ${S} get x`, 'redis-cli -a [masked secret/command-line] get x'],
  [`PGPASSWORD=${S} psql`, 'PGPASSWORD=[masked secret/password] psql'],
  [`tool --password ${S} x`, 'tool --password [masked secret/password] x'],
  [`CREATE ROLE x PASSWORD '${S}' LOGIN`, "CREATE ROLE x PASSWORD '[masked secret/sql]' LOGIN"],
  [`ALTER ROLE x PASSWORD E'${S}'`, "ALTER ROLE x PASSWORD E'[masked secret/sql]'"],
  [`ALTER ROLE x PASSWORD $t$${S}$t$`, 'ALTER ROLE x PASSWORD $t$[masked secret/sql]$t$'],
  [`CREATE USER x IDENTIFIED BY '${S}'`, "CREATE USER x IDENTIFIED BY '[masked secret/sql]'"],
  [`CREATE USER x IDENTIFIED WITH p AS '${S}'`, "CREATE USER x IDENTIFIED WITH p AS '[masked secret/sql]'"],
  [`SET PASSWORD FOR 'x'@'%' = '${S}'`, "SET PASSWORD FOR 'x'@'%' = '[masked secret/sql]'"],
  [`OPTIONS (user 'x', password '${S}')`, "OPTIONS (user 'x', password '[masked secret/sql]')"],
  [
    `UPDATE u SET password = crypt('${S}', gen_salt('bf'))`,
    "UPDATE u SET password = crypt('[masked secret/password]', gen_salt('bf'))",
  ],
  [`AKIAIOSFODNN7EXAMPLE ${LONG.slice(0, 40)}`, '[masked secret/aws-key] [masked secret/aws-key]'],
  [`https://hooks.slack.com/services/T0/B0/${LONG}`, 'https://hooks.slack.com/services/[masked secret/slack-token]'],
])('takes what is secret out of %s', (text, left) => {
  expect(masked(text)).toBe(left)
  expect(mayHoldSecrets(text)).toBe(true)
})

test.each([
  'Failed password for ada from 198.51.100.9 port 50125 ssh2',
  'passwd[4312]: pam_unix(passwd:chauthtok): password changed for edsger',
  'linus : TTY=pts/2 ; PWD=/home/linus ; USER=postgres ; COMMAND=/usr/bin/psql',
  'arn:aws:secretsmanager:eu-north-1:12:secret:prod/db-AbCdEf',
  'token_type=bearer password_changed_at=2026 secretName=db keyId=x resource=tokens next_token=abc',
  'ALTER ROLE x PASSWORD NULL',
  'ALTER ROLE x PASSWORD <REDACTED>',
  'the token: it was good',
  'PAM: Authentication token manipulation error',
  'bearer token rejected',
  'cat /etc/passwd: no such file',
  'WHERE token = $1 AND password = ?',
  'password=${DB_PASSWORD} password=**** token == x',
  'password=[masked secret/password]',
  'https://git.example.org:8443/a@b',
  'mysql --protocol tcp -P3306',
  'ghp_short and xoxb-1 and sk_live_1 and npm_x and AKIA123 and AIza and glpat-1 and pypi-AgE and wd_x',
  'eyJub3QiOiJhIHRva2VuIn0.eyJhIjoxfQ.c2ln and eyJhbGciOiJub25lIn0 alone',
  '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
  'AGE-SECRET-KEY-1 is how they begin',
  'node01.17d2f3e4a5b6c7d8 is an event, bundle.0123456789abcdef.js a file, server.productionexample a name',
  'design=abc&sig=short',
  '0123456789abcdef0123456789abcdef01234567',
])('leaves %s as it is', (text) => {
  expect(masked(text)).toBe(text)
})

test('each mask takes its own sample out of a text, and nothing is missed by the first look', () => {
  for (const { rule, secret, line } of secretSamples('Tx5Kp')) {
    if (rule === 'secret/kubernetes-secret') continue
    expect([rule, masked(line).includes(secret)]).toEqual([rule, false])
    expect([rule, masked(line).includes(`[masked ${rule}]`)]).toEqual([rule, true])
    expect([rule, mayHoldSecrets(line), mayHoldSecrets(JSON.stringify(line))]).toEqual([rule, true, true])
  }
})

test('what is found is found wherever it stands, and the first look never says no to it', () => {
  const lines = secretSamples('Gy6Rv').filter(({ rule }) => rule !== 'secret/kubernetes-secret')
  const around = fc.string({ unit: fc.constantFrom(...'ab1 é"\'=:.\n'.split('')), maxLength: 12 })
  fc.assert(
    fc.property(fc.constantFrom(...lines), around, around, ({ line, secret }, before, behind) => {
      const text = `${before} \n${line}\n ${behind}`
      expect(mayHoldSecrets(text)).toBe(true)
      expect(masked(text)).not.toContain(secret)
      // What is masked is not masked again.
      expect(masked(masked(text))).toBe(masked(text))
    }),
  )
})

test('a name that is written in escapes is not missed', () => {
  expect(mayHoldSecrets('{"\\u0070assword":"x"}')).toBe(true)
  expect(mayHoldSecrets('{"uri":"/pods?limit=500\\u0026watch=1"}')).toBe(false)
})

test.each([
  'password=',
  "password='",
  'password=\\"',
  'token: ',
  '"Secret"',
  'eyJ.eyJ.',
  'eyJ-',
  '-----BEGIN ',
  '-----BEGIN A PRIVATE KEY-----',
  "x'cookie: ",
  ' -p',
  'mysql -p',
  '://a:',
  'AKIA',
  'identified by ',
  'abcdef.0123456789abcde',
  'password $a$',
  '-',
  '\\',
])('a megabyte of %j takes no longer for what it holds', (piece) => {
  const text = piece.repeat(Math.ceil((1 << 20) / piece.length))
  const begun = process.cpuUsage()

  secretsInText(text, () => false)
  mayHoldSecrets(text)

  // What is quadratic takes minutes.
  expect(process.cpuUsage(begun).user).toBeLessThan(5_000_000)
})
