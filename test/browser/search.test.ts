import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runCommand, startServerProcess } from '../server-process.ts'
import { eachHasAPage, NARROW, WIDE } from './browser-page.ts'
import type { FixtureServer } from './fixture-server.ts'
import { startFixtureServer } from './fixture-server.ts'
import { companyEvents, hostileEvents } from './invented-events.ts'

let page: Page
eachHasAPage((own) => (page = own))

describe('a company’s log', () => {
  let server: FixtureServer

  beforeEach(async () => {
    server = await startFixtureServer(companyEvents(Date.now() - 2000, 3000))
    await page.goto(server.link())
    await page.locator('.row').first().waitFor()
    await page.locator('.totals-count b').waitFor()
  })

  afterEach(() => server.close())

  test('signs in by the link, drops the secret from the address, and shows sentences and totals that agree', async () => {
    expect(page.url()).toBe(`${server.url}/events`)
    const total = numberIn(await page.locator('.totals-count b').innerText())
    const outcomes = await page.locator('.facet').first().locator('.facet-count').allInnerTexts()
    expect(outcomes.map(numberIn).reduce((sum, each) => sum + each, 0)).toBe(total)
    expect(await page.locator('.row', { hasText: 'bob tried to read Secret prod/db-password – denied' }).count()).toBe(
      1,
    )
    expect(await page.locator('.row').count()).toBeLessThanOrEqual(60)
  })

  test('shows a wrong word at its place, keeps the results of the query before, and mends it', async () => {
    await page.fill('textarea', 'resorce.type:secret')
    await page.locator('.query-fault button', { hasText: 'Use resource.type' }).waitFor()
    expect(await page.locator('span.query-fault').innerText()).toBe('resorce.type')
    expect(await page.locator('.totals').innerText()).toContain('Results of the previous query')
    await page.keyboard.press('Enter')
    expect(page.url()).toBe(`${server.url}/events`)

    await page.click('text=Use resource.type')

    await page.waitForURL(/q=resource\.type:secret/)
    await expectText('.totals', /^(?!.*previous).*events/s)
  })

  test('completes fields and counted values; Enter runs unless the list was entered', async () => {
    await page.fill('textarea', '')
    await page.locator('textarea').pressSequentially('acto')
    await page.locator('.choices [role=option]', { hasText: 'actor:' }).first().waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.locator('textarea').pressSequentially('al')
    await page.locator('.choices [role=option]', { hasText: 'alice' }).waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.waitForURL(/q=actor:alice/)
    await page.locator('.row').first().waitFor()
  })

  test('filters by a click, writes it into the query, and comes back by Back', async () => {
    await page.locator('.totals-states button', { hasText: 'denied' }).click()
    await page.waitForURL(/event\.type:denied/)
    const total = await page.locator('.facet-value', { hasText: 'denied' }).locator('.facet-count').innerText()
    await expectText('.totals-count b', new RegExp(`^${total}$`))
    expect(await page.locator('textarea').inputValue()).toBe('-stream:whodid event.type:denied')
    await page.goBack()
    await expectText('.totals-count b', new RegExp(`^(?!${total}$)`))
  })

  test('zooms by the chart with keys, and shows it as a table', async () => {
    await page.locator('.chart-bars').focus()
    for (const key of ['End', 'ArrowLeft', 'Shift+ArrowLeft', 'Enter']) await page.keyboard.press(key)
    await page.waitForURL(/from=.*to=/)
    await page.locator('.row').first().waitFor()
    await page.click('text=As table')
    expect(await page.locator('.chart-table tbody tr').count()).toBeGreaterThan(0)
  })

  test('opens, walks and closes by keys; the focus comes back to the row, and a link shows the same event', async () => {
    let searches = 0
    page.on('request', (request) => (searches += /\/v1\/events(?::summary)?\?/.test(request.url()) ? 1 : 0))
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.locator('.drawer').waitFor()
    const first = await page.locator('#drawer-title').innerText()
    await page.keyboard.press('j')
    await expectText('#drawer-title', new RegExp(`^(?!${escapeRegExp(first)}$)`))
    await page.keyboard.press('4')
    await page.waitForURL(/tab=proof/)
    const [url, title] = [page.url(), await page.locator('#drawer-title').innerText()]
    await page.keyboard.press('Escape')
    await page.locator('.drawer').waitFor({ state: 'detached' })
    await page.waitForFunction(() => document.activeElement?.classList.contains('row') === true)
    // Looking at events is part of the run: nothing is searched again.
    expect(searches).toBe(0)

    await page.goto(url)

    await page.locator('.verdict').first().waitFor()
    expect(await page.locator('#drawer-title').innerText()).toBe(title)
  })

  test('checks a proof here, and the next one against the checkpoint that it kept', async () => {
    await page.locator('.row').nth(3).click()
    await page.click('#tab-proof')
    await expectText('.proof-bar', /3 of 8 checked/)
    expect(await verdicts()).toMatchObject({
      Unchanged: 'checked',
      Included: 'checked',
      Signed: 'checked',
      Consistent: 'not checked',
    })
    server.record(companyEvents(Date.now(), 1).slice(-5))
    await page.click('[aria-label="Next event"]')
    await expectText('.proof-bar', /4 of 8 checked/)
    expect(await verdicts()).toMatchObject({ Consistent: 'checked', Witnessed: 'not checked' })
    await page.click('text=Show path')
    await page.locator('.path svg').waitFor()
    await page.keyboard.press('Escape')
    expect(await page.locator('.row [aria-label="Proof checked here"]').count()).toBe(2)
  })

  test('gives the same verdicts where the browser has no cryptography of its own', async () => {
    await page.addInitScript(() => Object.defineProperty(globalThis, 'isSecureContext', { value: false }))
    await page.reload()
    await page.locator('.row').nth(3).click()
    await page.click('#tab-proof')
    await expectText('.trust', /its own code checked the signature/)
    expect(await verdicts()).toMatchObject({ Unchanged: 'checked', Included: 'checked', Signed: 'checked' })
  })

  test('says loudly that an event was changed after it was recorded', async () => {
    const id = await openedId(3)
    const index = await indexOf(id)
    server.alter(index, (json) => json.replace('"allow"', '"ALLOW"').replace('"event"', '"eveNt"'))
    await page.reload()
    await page.click('#tab-proof')
    await page.locator('.broken', { hasText: 'This event does not match the ledger.' }).waitFor()
    expect(await verdicts()).toMatchObject({ Unchanged: 'failed', Included: 'checked' })
    expect(await page.locator('.drawer-foot').innerText()).not.toContain('checks made')
  })

  test('says loudly that the ledger shows two histories', async () => {
    await openedId(3)
    await page.locator('.proof-words', { hasText: 'checks made' }).waitFor()
    server.fork()
    await page.click('#tab-proof')
    await page.click('text=Check again')
    await page.locator('.broken', { hasText: 'The ledger shows two different histories.' }).waitFor()
    expect(await verdicts()).toMatchObject({ Consistent: 'failed' })
  })

  test('counts what comes, shows it when asked, follows live and pauses while it is read', async () => {
    server.record(companyEvents(Date.now(), 1).slice(-2))
    await page.locator('.newer', { hasText: '2 newer events' }).waitFor()
    await page.keyboard.press('n')
    await page.locator('.newer', { hasText: 'No newer events' }).waitFor()
    await page.keyboard.press('l')
    await page.locator('.newer', { hasText: 'Live' }).waitFor()
    await expectText('.totals-took', / ms$/)
    const before = numberIn(await page.locator('.totals-count b').innerText())
    server.record(companyEvents(Date.now(), 1).slice(-3))
    await expectText('.totals-count b', new RegExp(`^${(before + 3).toLocaleString('en')}$`))
    await page.locator('.row').nth(2).click()
    const first = await page.locator('.row').first().innerText()
    server.record(companyEvents(Date.now(), 1).slice(-1))
    await page.locator('.newer', { hasText: 'Paused while you read. 1 newer event.' }).waitFor()
    expect(await page.locator('.row').first().innerText()).toBe(first)
    await page.keyboard.press('l')
    await page.locator('.newer', { hasText: 'Live' }).waitFor()
  })

  test('says that the engine restarts, keeps the rows, and recovers by itself', async () => {
    server.setEngine('down')
    await page.keyboard.press('n')
    await page.locator('.problem', { hasText: 'the engine is restarting' }).waitFor()
    expect(await page.locator('.row').count()).toBeGreaterThan(10)
    server.setEngine('up')
    await page.locator('.problem').waitFor({ state: 'detached' })
    await page.locator('.row').first().waitFor()
  })

  test('can be stopped while it takes long', async () => {
    server.setEngine('slow')
    await page.keyboard.press('n')
    await page.locator('.notice', { hasText: 'Still searching' }).waitFor()
    expect(await page.locator('.row').count()).toBeGreaterThan(10)
    await page.locator('.notice button').click()
    await page.locator('.notice').waitFor({ state: 'detached' })
  })

  test('says what was searched when nothing is found', async () => {
    await page.fill('textarea', 'actor:nobody')
    await page.keyboard.press('Enter')
    await page.locator('.empty', { hasText: 'No events match.' }).waitFor()
    await page.click('text=Without the query')
    await page.locator('.row').first().waitFor()
  })

  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    beforeEach(() => page.emulateMedia({ colorScheme, reducedMotion: 'reduce' }))

    test('axe objects to nothing in the list and its layers', async () => {
      await expectNoViolations('list')
      await page.click('.time-button')
      await expectNoViolations('time picker')
      await page.keyboard.press('Escape')
      await page.click('[aria-label="More"]')
      await expectNoViolations('menu')
      await page.keyboard.press('Escape')
      await page.keyboard.press('?')
      await expectNoViolations('keys')
      await page.keyboard.press('Escape')
      await page.fill('textarea', 'resorce.type:secret')
      await page.locator('div.query-fault').waitFor()
      await expectNoViolations('error')
    })

    test('axe objects to nothing in an event', async () => {
      await page.locator('.row').nth(3).click()
      for (const tab of ['summary', 'fields', 'raw', 'proof']) {
        await page.click(`#tab-${tab}`)
        await page.locator('.proof-words, .drawer-log').waitFor()
        await expectNoViolations(tab)
      }
    })

    test('axe objects to nothing at 390', async () => {
      await page.setViewportSize(NARROW)
      await expectNoViolations('cards')
      await page.locator('.row').nth(3).click()
      await expectNoViolations('event')
      await page.click('[aria-label="Back to the list"]')
      await page.click('text=Filters')
      await expectNoViolations('filters')
    })
  })

  test('scrolls nothing sideways at 390, and shows cards, a sheet and a full-screen event', async () => {
    await page.setViewportSize(NARROW)
    expect(await sideways()).toBe(0)
    expect((await page.locator('.row').first().boundingBox())?.height).toBe(56)
    await page.locator('.row').nth(3).click()
    expect(await page.locator('.drawer').boundingBox()).toMatchObject({ x: 0, y: 0, width: 390 })
    expect(await sideways()).toBe(0)
  })
})

describe('hostile text', () => {
  let server: FixtureServer

  beforeEach(async () => {
    server = await startFixtureServer(hostileEvents(Date.now() - 2000))
    await page.goto(server.link())
    await page.locator('.row').first().waitFor()
  })

  afterEach(() => server.close())

  test.each([WIDE, NARROW])('runs nothing, breaks nothing, and shows what is hidden, at %o', async (size) => {
    await page.setViewportSize(size)
    const heights = await page
      .locator('.row')
      .evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect().height))
    expect(new Set(heights)).toEqual(new Set([size === WIDE ? 32 : 56]))
    expect(await sideways()).toBe(0)
    expect(await page.locator('.row .char[data-char="U+202E"]').count()).toBeGreaterThan(0)
    expect(await page.locator('.row .char[data-char="mixed alphabets"]').count()).toBeGreaterThan(0)
    expect(await page.locator('.row img, .row a, .row script').count()).toBe(0)
    for (let n = 0; n < (await page.locator('.row').count()); n += 1) {
      await page.locator('.row').nth(n).click({ force: true })
      for (const tab of ['summary', 'fields', 'raw', 'proof']) {
        await page.click(`#tab-${tab}`)
        await page.locator('#drawer-panel > *').first().waitFor()
      }
      expect(await sideways()).toBe(0)
      await page.keyboard.press('Escape')
      await page.locator('.drawer').waitFor({ state: 'detached' })
    }
  })

  test('copies exactly what was there', async () => {
    await page.locator('.row', { hasText: 'invoice' }).first().click()
    await page.locator('.fact', { hasText: 'Who' }).hover()
    await page.click('[aria-label="Copy who"]')
    await expectText('.announcer', /1 hidden character included/)
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('invoice\u202Efdp.exe')
  })
})

test('without events it says how to send the first one, and shows it when it comes', async () => {
  const server = await startFixtureServer([])
  await page.goto(server.link())
  await page.locator('text=Nothing is recorded yet.').waitFor()
  await expectNoViolations('first run')
  await page.click('text=Make a token')
  await page.locator('.code pre', { hasText: 'Bearer wd_' }).waitFor()
  server.record(companyEvents(Date.now(), 1).slice(-1))
  await page.locator('.row').first().waitFor()
  await server.close()
})

test('a link that was used says so, and how to get another', async () => {
  const server = await startFixtureServer([])
  await page.goto(`${server.url}/#admin=${'a'.repeat(43)}`)
  await page.locator('h1', { hasText: 'This link does not work any more' }).waitFor()
  await expectNoViolations('sign-in')
  await server.close()
})

test('on the real server: an event goes in, is found, and its proof comes out', async () => {
  const data = mkdtempSync(join(tmpdir(), 'whodid-browser-'))
  const server = await startServerProcess({ data })
  const token = await server.token('ingest')
  const event = {
    '@timestamp': new Date().toISOString(),
    event: { action: 'delete', type: ['deletion'], category: ['configuration'], outcome: 'success' },
    user: { name: 'alice' },
    audit: { resource: [{ type: 'secret', namespace: 'prod', name: 'db-password' }] },
  }
  const sent = await fetch(`${server.url}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(event),
  })
  expect(sent.status).toBe(200)
  const { stdout } = await runCommand(['admin-link', '--data', data])

  await page.goto(`${server.url}${/\/#admin=\S+/.exec(stdout)?.[0] ?? ''}`)

  const row = page.locator('.row', { hasText: 'alice deleted Secret prod/db-password' })
  await row.waitFor()
  await row.click()
  await page.click('#tab-proof')
  await expectText('.proof-bar', /[34] of 8 checked/)
  await server.stop()
  rmSync(data, { recursive: true, force: true })
})

async function expectNoViolations(state: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).options({ resultTypes: ['violations'] }).analyze()
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`)
  expect(found, state).toEqual([])
}

async function expectText(selector: string, pattern: RegExp): Promise<void> {
  await page.waitForFunction(
    ([where, source]) =>
      new RegExp(source ?? '', 's').test(document.querySelector<HTMLElement>(where ?? '')?.innerText ?? ''),
    [selector, pattern.source],
  )
}

async function verdicts(): Promise<Record<string, string>> {
  const lines = page.locator('.verdict')
  const names = await lines.locator('> b').allInnerTexts()
  const states = await lines
    .locator('> svg')
    .evaluateAll((icons) => icons.map((icon) => icon.getAttribute('aria-label') ?? ''))
  return Object.fromEntries(names.map((name, at) => [name, states[at] ?? '']))
}

async function openedId(row: number): Promise<string> {
  await page.locator('.row').nth(row).click()
  await page.waitForURL(/id=/)
  return new URL(page.url()).searchParams.get('id') ?? ''
}

async function indexOf(id: string): Promise<number> {
  return page.evaluate(async (which) => {
    const response = await fetch(`/v1/events/${which}`)
    const event = (await response.json()) as { whodid: { index: number } }
    return event.whodid.index
  }, id)
}

function sideways(): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}

function numberIn(text: string): number {
  return Number(text.replaceAll(/\D/g, ''))
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
