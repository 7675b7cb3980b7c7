import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SourceAnswer } from '../../src/domain/answers.ts'
import type { ServerProcess } from '../server-process.ts'
import { runCommand, startServerProcess } from '../server-process.ts'
import { eachHasAPage, NARROW, WIDE } from './browser-page.ts'
import type { FixtureServer } from './fixture-server.ts'
import { startFixtureServer } from './fixture-server.ts'
import type { Invented } from './invented-events.ts'
import { companyEvents } from './invented-events.ts'
import { companySources } from './invented-sources.ts'

let page: Page
eachHasAPage((own) => (page = own), { reducedMotion: 'reduce' })

describe('how sources stand', () => {
  let server: FixtureServer
  let sources: readonly SourceAnswer[]
  let isBroken: boolean

  beforeEach(async () => {
    sources = companySources(Date.now())
    isBroken = false
    const told = (): readonly SourceAnswer[] => {
      if (isBroken) throw new Error('the sources cannot be told')
      return sources
    }
    server = await startFixtureServer(companyEvents(Date.now() - 2000, 50), { sources: told })
    await page.goto(server.link())
    await page.locator('.row').first().waitFor()
    await page.locator('nav.rail a', { hasText: 'Sources' }).click()
    await page.locator('.sources-table tbody tr').first().waitFor()
  })

  afterEach(() => server.close())

  test('says each state in words with its reason, and accounts that add up from left to right', async () => {
    expect(await page.locator('.sources-head h2').innerText()).toBe(
      '5 sources: 1 failed, 1 waiting, 1 working, 2 listening',
    )
    const failed = page.locator('tbody tr', { hasText: 'syslog' })
    expect(await failed.innerText()).toContain('Failed: starts again by itself')
    expect(await failed.innerText()).toContain('port 6514 of 10.0.0.5 is taken by another program')
    expect(await failed.innerText()).toContain('12 refused')
    expect(await page.locator('tbody tr', { hasText: 'orders-db' }).innerText()).toMatch(
      /1,204 records,\s+2 min 5 s behind/,
    )
    for (let n = 0; n < sources.length; n += 1) {
      const numbers = await page.locator('tbody tr').nth(n).locator('.is-number').allInnerTexts()
      const [received, ...parts] = numbers.map((text) => Number(text.replaceAll(',', '')))
      expect(parts.reduce((sum, each) => sum + each, 0)).toBe(received)
    }
    expect(await page.locator('tbody time').first().getAttribute('title')).toMatch(/20\d\d .*UTC\+0[12]:00/)
  })

  test('says that an account does not add up', async () => {
    const [first, ...others] = sources
    sources = [{ ...first!, accounting: { ...first!.accounting, received: 1_204_119 } }, ...others]
    await page.locator('tbody tr', { hasText: '1 record missing' }).waitFor({ timeout: 12_000 })
  })

  test('keeps what it knew while the server cannot answer, and follows by itself without moving', async () => {
    const row = await page.locator('tbody tr').first().elementHandle()
    isBroken = true
    await page.locator('.problem').waitFor({ timeout: 12_000 })
    expect(await page.locator('tbody tr').count()).toBe(5)
    isBroken = false
    sources = sources.map((each) =>
      each.name === 'syslog' ? { ...each, state: 'working', reason: 'well again' } : each,
    )
    await page.locator('tbody tr', { hasText: 'well again' }).waitFor({ timeout: 12_000 })
    await page.locator('.problem').waitFor({ state: 'detached' })
    expect(await row?.evaluate((node) => node.isConnected)).toBe(true)
  })

  test('opens a source by its row, by keys and by its address, and searches its events', async () => {
    await page.locator('tbody tr', { hasText: 'hosts' }).locator('.is-state').click()
    await page.waitForURL(/\/sources\/hosts$/)
    expect(await page.locator('.account-sum').innerText()).toMatch(/88,140 received[\s=]+88,140 kept/)
    await page.goBack()
    await page.locator('tbody a', { hasText: 'prod-1' }).focus()
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/sources\/prod-1$/)
    await page.reload()
    await page.locator('.source-fact', { hasText: 'no-leases 20,116' }).waitFor()
    await page.click('text=Search its events')
    await page.waitForURL(/\/events\?q=source:prod-1$/)
  })

  test('says that there is no source of a name, whatever the name', async () => {
    await page.goto(`${server.url}/sources/${encodeURIComponent('<img src=x onerror=alert(1)>')}`)
    await page.locator('text=There is no such source.').waitFor()
  })

  test.each(['light', 'dark'] as const)(
    'axe objects to nothing, and nothing scrolls sideways, in %s',
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await expectNoViolations('list')
      await page.setViewportSize(NARROW)
      await page.locator('.source-cards li').first().waitFor()
      await expectNoViolations('cards')
      expect(await sideways()).toBe(0)
      await page.locator('nav.bottom a', { hasText: 'Search' }).waitFor()
      await page.locator('.source-cards a').first().click()
      await page.locator('.source-standing').waitFor()
      await expectNoViolations('one')
      expect(await sideways()).toBe(0)
      await page.setViewportSize(WIDE)
      await expectNoViolations('one, wide')
    },
  )

  test('without sources it says how one comes here', async () => {
    sources = []
    await page.locator('.empty', { hasText: 'No source is configured' }).waitFor({ timeout: 12_000 })
    await expectNoViolations('empty')
  })

  test('shows who may not see sources neither the way here nor anything of them', async () => {
    await as(['ingest'])
    await page.locator('.empty', { hasText: 'You may not see Sources.' }).waitFor()
    expect(await page.locator('a', { hasText: 'Sources' }).count()).toBe(0)
    expect(await page.locator('body').innerText()).not.toContain('prod-1')
    await page.goto(`${server.url}/sources/prod-1`)
    await page.locator('.empty', { hasText: 'You may not see Sources.' }).waitFor()
    expect(await page.locator('.account-sum').count()).toBe(0)
    await expectNoViolations('no right')
  })

  test('shows a reader how sources stand, but neither rejected records nor the trying of formats', async () => {
    await as(['read'])
    await page.locator('.sources-table tbody tr').first().waitFor()
    expect(await page.locator('text=Try a format').count()).toBe(0)
    await page.goto(`${server.url}/sources/prod-1`)
    await page.locator('.quiet-note', { hasText: 'shown to administrators only' }).waitFor()
    await page.goto(`${server.url}/sources?try=ecs`)
    await page.locator('.quiet-note', { hasText: 'Only who administers this server' }).waitFor()
  })

  /** Loads the page anew as somebody with other rights: a browser's session is an administrator's so far. */
  async function as(scopes: readonly string[]): Promise<void> {
    await page.route('**/v1/me', async (route) => {
      const response = await route.fetch()
      await route.fulfill({ response, json: { ...((await response.json()) as object), scopes } })
    })
    await page.reload()
  }
})

describe('a real server', () => {
  const data = mkdtempSync(join(tmpdir(), 'whodid-sources-'))
  const config = join(data, 'whodid.yaml')
  let server: ServerProcess

  beforeAll(async () => {
    server = await serve('kubernetes-audit')
    await send(
      JSON.stringify({ '@timestamp': new Date().toISOString(), event: { action: 'delete' }, user: { name: 'ada' } }),
      '{"note":"<img src=x onerror=alert(1)> \u202E"}',
      'no JSON at all',
    )
  })

  afterAll(async () => {
    await server.stop()
    rmSync(data, { recursive: true, force: true })
  })

  beforeEach(() => signInAt('/sources/shop'))

  test('shows why records were rejected, and the bytes of one as the text that it is', async () => {
    await page.locator('.rejected-line').nth(2).waitFor()
    expect(await page.locator('.rejected header').innerText()).toContain('3 records kept')
    const sum = await page.locator('.account-sum').innerText()
    expect(sum.replaceAll(/\s+/g, ' ')).toContain('3 received = 0 kept + 0 dropped + 0 duplicate + 3 rejected + 0 shed')
    await page.locator('.reasons button', { hasText: 'not_json' }).click()
    await page.waitForURL(/reason=not_json/)
    await page.waitForFunction(() => document.querySelectorAll('.rejected-line').length === 1)
    await page.locator('.reasons button', { hasText: 'all' }).click()
    await page.locator('.rejected-line').nth(1).focus()
    await page.keyboard.press('Enter')
    await page.locator('.raw', { hasText: '<img src=x onerror=alert(1)>' }).waitFor()
    expect(await page.locator('.raw img').count()).toBe(0)
    expect(await page.locator('.raw .char[data-char="U+202E"]').count()).toBe(1)
    await expectNoViolations('rejected')
    await page.setViewportSize(NARROW)
    expect(await sideways()).toBe(0)
    await expectNoViolations('rejected, narrow')
  })

  test('feeds one again as the source now is, and says what came of it', async () => {
    await page.locator('.rejected-line').nth(2).click()
    await page.click('text=Feed it again')
    await page.locator('.rejected-outcome', { hasText: 'Fed 1 record again: 1 rejected again.' }).waitFor()
    await server.stop()
    server = await serve('ecs')
    await signInAt('/sources/shop')
    await page.click('text=Feed all again')
    await page
      .locator('.rejected-outcome', { hasText: /Fed 3 records again: \d kept as events, \d rejected again/ })
      .waitFor()
    await page.locator('.source-fact', { hasText: 'of the received ones' }).waitFor()
  })

  test('throws away one with a question, and all only after the name was typed', async () => {
    await page.locator('.rejected-line').nth(1).waitFor()
    await send('[1', '[2')
    await page.click('text=Show 2 newer')
    await page.locator('.rejected-line').nth(3).waitFor()
    const before = await page.locator('.rejected-line').count()
    await page.locator('.rejected-line').first().click()
    await page.click('text=Throw it away…')
    await expectNoViolations('question')
    await page.keyboard.press('Escape')
    expect(await page.locator('.rejected-line').count()).toBe(before)
    await page.click('text=Throw it away…')
    await page.locator('dialog button', { hasText: 'Throw away' }).click()
    await page.locator('.rejected-outcome', { hasText: 'Threw 1 record away.' }).waitFor()
    await page.waitForFunction((n) => document.querySelectorAll('.rejected-line').length === n, before - 1)
    await page.click('text=Throw all away…')
    expect(await page.locator('dialog button', { hasText: 'Throw away' }).isDisabled()).toBe(true)
    await page.fill('dialog input', 'shop')
    await page.keyboard.press('Enter')
    await page.locator('.rejected-outcome', { hasText: /Threw \d records? away\./ }).waitFor()
    await page.locator('.quiet-note', { hasText: 'Nothing is kept here' }).waitFor()
  })

  test('tries a format on a pasted text: events with their fields, and reasons', async () => {
    await page.goto(`${server.url}/sources`)
    await page.click('text=Try a format')
    const sample = `{"at":"2026-11-24T10:00:00Z","who":"ada","did":"delete","x":"<b>bold</b>"}\n{bad`
    await page.locator('textarea').first().fill(sample)
    await page.locator('select').selectOption('json')
    await page.waitForURL(/try=json/)
    await page.keyboard.press('Tab')
    await page.locator('textarea').nth(1).fill('nonsense: [')
    await page.keyboard.press('Control+Enter')
    await page.locator('.problem', { hasText: 'the options are no YAML' }).waitFor()
    await page.locator('textarea').nth(1).fill(MAPPING)
    await page.keyboard.press('Control+Enter')
    await page.locator('.try-answer h3', { hasText: '2 records would become 1 event, 1 rejected' }).waitFor()
    await page.locator('.tried summary', { hasText: 'ada' }).click()
    await page.locator('.tried-fields', { hasText: 'user.name' }).waitFor()
    expect(await page.locator('.tried').innerText()).toContain('not_json')
    await expectNoViolations('tried')
    await page.setViewportSize(NARROW)
    expect(await sideways()).toBe(0)
    await expectNoViolations('tried, narrow')
  })

  async function serve(format: string): Promise<ServerProcess> {
    const source = `{ name: shop, kind: http, format: ${format}, token: { env: SHOP_TOKEN } }`
    writeFileSync(config, `install: acme\nsources:\n  - ${source}\n`)
    return startServerProcess({ data: join(data, 'state'), config, env: { SHOP_TOKEN: 'secret-of-the-shop-1' } })
  }

  async function send(...records: readonly string[]): Promise<void> {
    for (const record of records) {
      await fetch(`${server.url}/in/shop`, {
        method: 'POST',
        headers: { authorization: 'Bearer secret-of-the-shop-1', 'content-type': 'application/x-ndjson' },
        body: record,
      })
    }
  }

  async function signInAt(path: string): Promise<void> {
    const { stdout } = await runCommand(['admin-link', '--data', join(data, 'state')])
    await page.goto(`${server.url}${/\/#admin=\S+/.exec(stdout)?.[0] ?? ''}`)
    await page.locator('nav.rail a', { hasText: 'Sources' }).waitFor()
    await page.goto(`${server.url}${path}`)
  }
})

const MAPPING = "map:\n  '@timestamp': $.at\n  user.name: $.who\n  event.action: $.did\n"

describe('what belongs together', () => {
  let server: FixtureServer

  afterEach(() => server.close())

  test('folds the stages of a request and the lines of a sign-in, and lists them beside one of them', async () => {
    const at = Date.now() - 3_600_000
    server = await startFixtureServer([...stages(at, 'r1', STAGES), ...signIn(at + 60_000)])
    await page.goto(server.link())
    await page.locator('.row', { hasText: '3 stages' }).waitFor()
    await page.locator('.row', { hasText: '3 lines' }).waitFor()
    // What was done in between, and what was refused, is never behind another row.
    expect(await page.locator('.row').count()).toBe(3)
    await page.locator('.row', { hasText: '3 stages' }).click()
    await page.locator('.section', { hasText: '3 events of the same request' }).waitFor()
    expect(await page.locator('.related li').count()).toBe(3)
    expect(await page.locator('.finding').count()).toBe(0)
    await page.locator('.related button', { hasText: 'RequestReceived' }).click()
    await page.locator('.related button[aria-current]', { hasText: 'RequestReceived' }).waitFor()
    await expectNoViolations('related')
    await page.click('text=Search them')
    await page.waitForURL(/q=http\.request\.id:r1\+source:prod-1/)
    await page.locator('.row', { hasText: '3 stages' }).waitFor()
  })

  test('warns of a request that was begun and never completed', async () => {
    server = await startFixtureServer(stages(Date.now() - 3_600_000, 'r2', STAGES.slice(0, 1)))
    await page.goto(server.link())
    await page.locator('.row').first().click()
    await page.locator('.finding', { hasText: 'It never completed' }).waitFor()
    await expectNoViolations('finding')
  })
})

const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete'] as const

function stages(at: number, id: string, of: readonly (typeof STAGES)[number][]): readonly Invented[] {
  return of.map((stage, n) => ({
    '@timestamp': new Date(at + n).toISOString(),
    event: {
      action: 'watch',
      category: ['api'],
      type: [stage === 'ResponseComplete' ? 'access' : 'start'],
      outcome: stage === 'ResponseComplete' ? 'success' : 'unknown',
      dataset: 'kubernetes.audit',
    },
    user: { name: 'alice' },
    http: { request: { id } },
    kubernetes: { audit: { stage } },
    audit: { resource: [{ type: 'pod', namespace: 'shop', name: 'web' }] },
    whodid: { source: 'prod-1' },
  }))
}

function signIn(at: number): readonly Invented[] {
  const line = (n: number, action: string, category: string, more: Partial<Invented> = {}): Invented => ({
    '@timestamp': new Date(at + n * 1000).toISOString(),
    event: { action, category: [category], type: ['start'], outcome: 'success', dataset: 'system.auth' },
    user: { name: 'bob' },
    trace: { id: 'c1' },
    whodid: { source: 'hosts' },
    ...more,
  })
  return [
    line(0, 'ssh_connect', 'network'),
    line(1, 'ssh_login', 'authentication'),
    line(2, 'session_open', 'session'),
    line(3, 'sudo', 'process'),
  ]
}

async function expectNoViolations(state: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).options({ resultTypes: ['violations'] }).analyze()
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`)
  expect(found, state).toEqual([])
}

function sideways(): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}
