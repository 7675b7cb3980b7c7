import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { NOTHING } from '../../src/domain/accounting.ts'
import { NO_RULES } from '../../src/rules/rule-set.ts'
import type { State } from '../../src/state/state.ts'
import { openState } from '../../src/state/state.ts'
import { anEvent, rulesOn } from '../an-api.ts'
import type { ServerProcess } from '../server-process.ts'
import { runCommand, startServerProcess } from '../server-process.ts'
import { eachHasAPage, NARROW, WIDE } from './browser-page.ts'
import type { FixtureServer } from './fixture-server.ts'
import { startFixtureServer } from './fixture-server.ts'
import { companyEvents } from './invented-events.ts'
import { companySources } from './invented-sources.ts'

let page: Page
eachHasAPage((own) => (page = own), { reducedMotion: 'reduce' })

const HOSTILE = '<img src=x onerror=alert(1)>\u202E'
const clock = { now: () => Date.now(), later: () => ({ cancel: () => undefined }) }

describe('rules in force', () => {
  let server: FixtureServer
  let state: State
  let folder: string
  let isBroken: boolean

  beforeEach(async () => {
    isBroken = false
    folder = mkdtempSync(join(tmpdir(), 'whodid-rules-'))
    state = openState({ folder, install: 'acme', clock })
    const events = [1, 2, 3].map((n) => anEvent(n, { whodid: { source: 'prod-1' } }))
    const rules = rulesOn(state, () => events, clock, {
      set: {
        ...NO_RULES,
        kubernetesPolicies: { prod: POLICY },
        accessAudits: [{ name: 'audit-1', rules: [{ types: ['MeshTimeout'], mesh: 'default', access: ['DELETE'] }] }],
        excludedCategories: ['file'],
        expressions: [
          { name: 'no-leases', match: 'action:watch', drop: true },
          { name: 'x'.repeat(120), match: `action:"${HOSTILE}"`, drop: true, shadow: true },
        ],
        defaultMasksOff: ['secret/url'],
      },
      origins: { 'rule/no-leases': 'whodid.yaml:4:5', 'policy/prod': 'prod.yaml:1:1' },
      warnings: [],
    })
    const told = { ...rules.desk, status: () => (isBroken ? fail() : rules.desk.status()) }
    const [first, ...others] = companySources(Date.now())
    const counted = { ...first!, accounting: { ...first!.accounting, dropped: { 'rule/no-leases': 20_116 } } }
    server = await startFixtureServer(companyEvents(Date.now() - 2000, 20), {
      rules: { ...rules, desk: told },
      sources: () => [counted, ...others],
      hours: (source, since) => [
        {
          hour: since + 2,
          source,
          accounting: { ...NOTHING, received: 9, kept: 4, events: 4, dropped: { 'rule/no-leases': 5 } },
        },
      ],
    })
    await page.goto(server.link())
    await page.locator('.row').first().waitFor()
    await page.locator('nav.rail a', { hasText: 'Rules' }).click()
    await page.locator('.rule-item').first().waitFor()
  })

  afterEach(async () => {
    await server.close()
    state.close()
    rmSync(folder, { recursive: true, force: true })
  })

  function fail(): never {
    throw new Error('the rules cannot be told')
  }

  test('lists each with what it says, where it comes from and what it did, and shows names as the text they are', async () => {
    expect(await page.locator('h1').innerText()).toBe('Rules')
    const rule = page.locator('.rule-item', { hasText: 'rule/no-leases' })
    expect(await rule.innerText()).toContain('whodid.yaml:4:5')
    expect(await rule.innerText()).toContain('20,116 dropped')
    expect(await rule.locator('.chip').count()).toBe(0)
    const shadow = page.locator('.rule-item', { hasText: 'xxxx' })
    expect(await shadow.innerText()).toMatch(/shadow\s+never matched/)
    expect(await page.locator('.rules img').count()).toBe(0)
    expect(await shadow.locator('.char[data-char="U+202E"]').count()).toBe(1)
    expect(await page.locator('.rule-family', { hasText: 'Default masks' }).innerText()).toContain('switched off')
  })

  test('lights the rule that the address names, or says that it is not listed', async () => {
    await page.goto(`${server.url}/policies?rule=policy/prod/2`)
    await page.locator('.rule-item[aria-current="true"]', { hasText: 'policy/prod/2' }).waitFor()
    await page.goto(`${server.url}/policies?rule=secret/jwt`)
    await page.locator('.rules-gone', { hasText: 'secret/jwt' }).waitFor()
  })

  test('says which AccessAudit asks for which operation on which type', async () => {
    await page.locator('.rules-tabs a', { hasText: 'AccessAudit' }).click()
    const row = page.locator('.audited tbody tr', { hasText: 'MeshTimeout' })
    expect(await row.locator('td').allInnerTexts()).toEqual([
      'not audited',
      'not audited',
      expect.stringMatching(/audit-1\s+mesh default/),
    ])
    const before = await page.locator('.audited tbody tr').count()
    await page.click('text=Each type in a row of its own')
    expect(await page.locator('.audited tbody tr').count()).toBeGreaterThan(before + 20)
    await expectNoViolations('AccessAudit')
  })

  test('refuses what is typed by line and nearest name, and goes to that line', async () => {
    await page.click('text=New rule')
    const field = page.locator('.code-field textarea')
    await field.fill(RULES.replace('drop: true', 'dropp: true'))
    await page.locator('.remarks h3', { hasText: 'Not understood' }).waitFor()
    expect(await page.locator('.remarks').innerText()).toContain('drop')
    expect(await page.locator('button', { hasText: 'Try on last 24 h' }).isDisabled()).toBe(true)
    expect(await field.getAttribute('aria-invalid')).toBe('true')
    await page.locator('.remarks li button').first().click()
    expect(await field.evaluate((node) => node === document.activeElement)).toBe(true)
    await page.reload()
    expect(await field.inputValue()).toContain('dropp')
    await page.click('text=Back to what was here')
    expect(await field.inputValue()).toContain('no-health-checks')
  })

  test('says of a policy which rule can never match, and that its file puts it into force', async () => {
    await page.locator('.rule-item', { hasText: 'policy/prod/2' }).locator('text=Try a change').click()
    await page.locator('.remarks li', { hasText: 'rule 2 can never match' }).waitFor()
    await page.locator('.editor-note', { hasText: 'put into force by its file' }).waitFor()
    expect(await page.locator('button', { hasText: 'Propose…' }).isDisabled()).toBe(true)
    await expectNoViolations('policy')
  })

  test('a change that would drop much waits with its diff, and is refused only with a reason', async () => {
    await propose()
    await page.locator('nav.rail .badge', { hasText: '1' }).waitFor()
    await page.click('text=Decide')
    const item = page.locator('.waiting-item')
    expect(await item.innerText()).toContain('3 of 3 events')
    expect(await item.locator('ins').innerText()).toContain('action:delete')
    await expectNoViolations('waiting')
    await item.locator('button', { hasText: 'Refuse' }).click()
    await item.locator('[role="alert"]', { hasText: 'Say why' }).waitFor()
    await item.locator('input').fill('not this week')
    await page.keyboard.press('Enter')
    await page.locator('.empty', { hasText: 'Nothing waits for a decision.' }).waitFor()
    await expectNoViolations('nothing waits')
  })

  test('keeps what it knew while the server cannot answer', async () => {
    isBroken = true
    await page.locator('.problem').waitFor({ timeout: 20_000 })
    expect(await page.locator('.rule-item').count()).toBeGreaterThan(3)
    await expectNoViolations('broken')
  })

  test('shows an hour of a source as a sum that can be read', async () => {
    await page.goto(`${server.url}/sources/prod-1`)
    const row = page.locator('.source-hours tbody tr')
    expect((await row.first().innerText()).replaceAll(/\s+/g, ' ')).toMatch(/9 4 5 0 0 0 rule\/no-leases dropped 5$/)
    await expectNoViolations('hours')
    await page.setViewportSize(NARROW)
    expect(await sideways()).toBe(0)
    await expectNoViolations('hours, narrow')
  })

  test('shows a reader what is in force and nothing to change it, and others nothing at all', async () => {
    await as(['read'])
    await page.locator('.rule-item').first().waitFor()
    expect(await page.locator('text=New rule').count()).toBe(0)
    expect(await page.locator('.rule-acts').count()).toBe(0)
    await page.goto(`${server.url}/policies/rules/new`)
    await page.locator('.quiet-note', { hasText: 'Only who administers this server' }).waitFor()
    await page.unroute('**/v1/me')
    await as(['ingest'])
    await page.locator('.empty', { hasText: 'You may not see Rules.' }).waitFor()
    expect(await page.locator('a', { hasText: 'Rules' }).count()).toBe(0)
    await expectNoViolations('no right')
  })

  test.each(['light', 'dark'] as const)(
    'axe objects to nothing, and nothing scrolls sideways, in %s',
    async (theme) => {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
      for (const path of ['/policies', '/policies/accessaudits', '/policies/waiting', '/policies/rules/new']) {
        await page.goto(`${server.url}${path}`)
        await page.locator('.rules .panel, .rules .empty').first().waitFor()
        for (const size of [WIDE, NARROW]) {
          await page.setViewportSize(size)
          expect(await sideways(), `${path} ${size.width}`).toBe(0)
          await expectNoViolations(`${path} ${size.width}`)
        }
        await page.setViewportSize(WIDE)
      }
    },
  )

  async function propose(): Promise<void> {
    await page.goto(`${server.url}/policies/rules/new`)
    await page.locator('.code-field textarea').fill(RULES)
    await page.locator('.remarks h3', { hasText: 'Understood.' }).waitFor()
    await page.locator('button', { hasText: 'Propose…' }).click()
    await page.locator('dialog ins', { hasText: 'action:delete' }).waitFor()
    await expectNoViolations('question')
    // What comes first in the question is the way out of it.
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.locator('.editor-note', { hasText: 'waits for a decision' }).waitFor()
  }

  async function as(scopes: readonly string[]): Promise<void> {
    await page.route('**/v1/me', async (route) => {
      const response = await route.fetch()
      await route.fulfill({ response, json: { ...((await response.json()) as object), scopes } })
    })
    await page.reload()
  }
})

describe('a real server', () => {
  const data = mkdtempSync(join(tmpdir(), 'whodid-rules-'))
  let server: ServerProcess

  beforeAll(async () => {
    mkdirSync(join(data, 'resources'))
    writeFileSync(join(data, 'resources/prod.yaml'), POLICY)
    writeFileSync(join(data, 'whodid.yaml'), CONFIG)
    server = await startServerProcess({
      data: join(data, 'state'),
      config: join(data, 'whodid.yaml'),
      env: { SHOP_TOKEN: 'secret-of-the-shop-1' },
    })
  })

  afterAll(async () => {
    await server.stop()
    rmSync(data, { recursive: true, force: true })
  })

  test('a rule is tried on what is stored, proposed, confirmed, seen to act, and removed; an event says what masked it', async () => {
    for (const action of ['delete', 'delete', 'delete', 'create']) await send(action, `token ${JWT}`)
    const { stdout } = await runCommand(['admin-link', '--data', join(data, 'state')])
    await page.goto(`${server.url}${/\/#admin=\S+/.exec(stdout)?.[0] ?? ''}`)
    await expect.poll(() => page.locator('.row', { hasText: 'ada' }).count()).toBe(4)
    await page.locator('.row', { hasText: 'ada' }).first().click()
    await page.locator('.event-rules a', { hasText: 'secret/jwt' }).click()
    await page.locator('.rule-item[aria-current="true"]', { hasText: 'secret/jwt' }).waitFor()

    await page.click('text=New rule')
    await page.locator('.code-field textarea').fill(RULES)
    await page.locator('.remarks h3', { hasText: 'Understood.' }).waitFor()
    await page.click('text=Try on last 24 h')
    await page.locator('.checked', { hasText: '3 newly dropped' }).waitFor()
    expect(await page.locator('.examples li').count()).toBe(3)
    expect(await page.locator('.examples mark').first().innerText()).toBe('rule/no-delete')
    expect(await page.locator('.cannot-know').first().innerText()).toContain('were not stored')
    await expectNoViolations('tried')

    await page.locator('button', { hasText: 'Propose…' }).click()
    await page.locator('dialog button', { hasText: 'Propose' }).click()
    await page.click('text=Decide')
    await page.click('text=Confirm: put it into force')
    await page.locator('.empty', { hasText: 'Nothing waits' }).waitFor()
    await send('delete', '')
    await page.locator('.rules-tabs a', { hasText: 'What is recorded' }).click()
    const item = page.locator('.rule-item', { hasText: 'rule/no-delete' })
    await item.locator('.rule-counts', { hasText: '1 dropped' }).waitFor({ timeout: 25_000 })
    await item.locator('button', { hasText: 'Remove…' }).click()
    await page.locator('dialog button', { hasText: 'Remove' }).click()
    await page.locator('.rule-family', { hasText: 'No longer in force' }).waitFor()
    await page.goto(`${server.url}/sources/shop`)
    await page.locator('.hours-by', { hasText: 'rule/no-delete dropped 1' }).waitFor()
  })

  async function send(action: string, message: string): Promise<void> {
    await fetch(`${server.url}/in/shop`, {
      method: 'POST',
      headers: { authorization: 'Bearer secret-of-the-shop-1', 'content-type': 'application/json' },
      body: JSON.stringify({
        '@timestamp': new Date().toISOString(),
        event: { action, outcome: 'success' },
        user: { name: 'ada' },
        ...(message !== '' && { message }),
      }),
    })
  }
})

const POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
metadata: { name: prod }
rules:
  - level: Metadata
  - level: None
    verbs: [watch]
`
const RULES = `apiVersion: whodid.dev/v1
kind: Rules
rules:
  - name: no-delete
    match: action:delete
    drop: true
`
const CONFIG = `install: acme
resources: ./resources
sources:
  - { name: shop, kind: http, format: ecs, token: { env: SHOP_TOKEN } }
`
/** Signed with a key that everybody knows. */
const JWT = [
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9',
  'eyJzdWIiOiIxMjM0NTY3ODkwIn0',
  'dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U',
].join('.')

async function expectNoViolations(what: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).options({ resultTypes: ['violations'] }).analyze()
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`)
  expect(found, what).toEqual([])
}

function sideways(): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}
