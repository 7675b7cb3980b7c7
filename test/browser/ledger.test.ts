import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ServerProcess } from '../server-process.ts'
import { runCommand, startServerProcess } from '../server-process.ts'
import { eachHasAPage, NARROW, WIDE } from './browser-page.ts'

const GOLDEN = join(import.meta.dirname, '../fixtures/evidence/range.tar')
const data = mkdtempSync(join(tmpdir(), 'whodid-ledger-'))
let server: ServerProcess
let page: Page
eachHasAPage((own) => (page = own), { reducedMotion: 'reduce' })

beforeAll(async () => {
  server = await startServerProcess({ data })
  const token = await server.token('ingest', 'shop')
  const events = Array.from({ length: 30 }, (_, at) => ({
    '@timestamp': new Date(Date.now() - at * 1000).toISOString(),
    event: { action: `act-${at}`, outcome: 'success' },
    user: { name: at % 2 === 0 ? 'ada' : 'bob' },
  }))
  const response = await fetch(`${server.url}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(events),
  })
  expect(response.status, await response.text()).toBeLessThan(300)
})

afterAll(async () => {
  await server.stop()
  rmSync(data, { recursive: true, force: true })
})

beforeEach(async () => {
  const { stdout } = await runCommand(['admin-link', '--data', data])
  await page.goto(`${server.url}${/\/#admin=\S+/.exec(stdout)?.[0] ?? ''}`)
  await page.locator('.row').first().waitFor()
  await page.locator('nav.rail a', { hasText: 'Ledger' }).click()
  await page.locator('.ledger-table tbody tr').nth(1).waitFor()
})

test('lists the root log first, and says what is not configured', async () => {
  expect(await page.locator('.top h1').innerText()).toBe('Ledger')
  expect(await page.locator('[aria-label="Logs"] tbody tr').first().innerText()).toContain('root log')
  await page.locator('[aria-label="Logs"] tbody tr', { hasText: 'ago' }).or(page.locator('time')).first().waitFor()
  expect(await page.locator('[aria-label="Witnesses"]').innerText()).toContain('None is configured')
  await page.locator('[aria-label="Erased and pruned"]', { hasText: 'No record of an erasure' }).waitFor()
  await page.locator('.ledger-growth').waitFor()
  await page.click('text=As table')
  await page.locator('[aria-label="Growth"] tbody tr').first().waitFor()
})

test('verifies signatures, growth and random leaves here, and compares the second time', async () => {
  await verify()
  expect(await lines()).toMatchObject({
    Signed: 'checked',
    Consistent: 'not checked',
    Included: 'checked',
    Unchanged: 'checked',
    Witnessed: 'not checked',
  })
  await verify()
  expect(await lines()).toMatchObject({ Consistent: 'checked' })
})

test('says so when a log shows another leaf than it signed', async () => {
  await page.route('**/tile/entries/**', async (route) => {
    const response = await route.fetch()
    const body = await response.body()
    for (let at = 60; at < body.length; at += 61) body[at] = (body[at] ?? 0) ^ 1
    await route.fulfill({ response, body })
  })
  await page.click('text=Verify now')
  await page.locator('.broken', { hasText: 'does not hold together' }).waitFor()
  expect(await lines()).toMatchObject({ Signed: 'checked', Included: 'failed' })
})

test('builds a pack in four steps, and opens it here without asking anybody', async () => {
  await page.locator('.ledger a', { hasText: 'Build pack' }).click()
  await page.locator('.ledger-field input').first().fill('actor:ada -stream:whodid')
  await page.locator('[role="status"]', { hasText: '15 events' }).waitFor()
  for (const name of ['Disclose', 'Proofs', 'Review']) await page.click(`text=Next: ${name}`)
  await page.locator('footer button', { hasText: 'Build pack' }).click()
  await page.locator('[aria-label="The pack"]').waitFor()
  await expectFine('made')
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Download')])
  const pack = join(data, 'evidence.tar')
  await download.saveAs(pack)
  const command = await runCommand(['verify', pack, '-o', 'json'])
  expect(command.code).toBe(0)
  await page.goto(`${server.url}/ledger/pack/open`)
  await page.locator('input[type=file]').first().waitFor()
  const asked: string[] = []
  page.on('request', (request) => request.method() === 'POST' && asked.push(request.url()))
  await page.locator('input[type=file]').first().setInputFiles(pack)
  await page.locator('.ledger-verdict').waitFor()
  // Our own command wrote it.
  const told = JSON.parse(command.stdout) as { summary: string; lines: readonly { text: string }[] }
  expect(await page.locator('.ledger-verdict b').innerText()).toBe(told.summary)
  expect(await page.locator('.verdict').count()).toBe(told.lines.length)
  const shown = await page.locator('.verdicts').innerText()
  for (const { text } of told.lines) expect(shown).toContain(text)
  expect(asked).toEqual([])
  await page.locator('.ledger-events summary').first().click()
  expect(await page.locator('.ledger-events').innerText()).toContain('ada')
  await expectFine('opened')
})

test('says of an altered pack which line is wrong, and of a file that is none that it is none', async () => {
  await page.locator('.ledger a', { hasText: 'Open pack' }).click()
  const bytes = readFileSync(GOLDEN)
  bytes[Math.floor(bytes.length / 2)]! ^= 1
  for (const [name, content] of [
    ['altered.tar', bytes],
    ['none.tar', Buffer.from('nothing')],
  ] as const) {
    writeFileSync(join(data, name), content)
    await page.locator('input[type=file]').first().setInputFiles(join(data, name))
    await page.locator('.ledger-drop p', { hasText: name }).waitFor()
    await page.locator('.ledger-verdict.broken').waitFor()
    expect(await page.locator('.verdict.is-no').count()).toBeGreaterThan(0)
  }
  await expectFine('altered')
})

test('shows who may not see it neither the way here nor anything of it', async () => {
  await page.route('**/v1/me', async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, json: { ...((await response.json()) as object), scopes: ['ingest'] } })
  })
  await page.reload()
  await page.locator('.empty', { hasText: 'You may not see Ledger.' }).waitFor()
  expect(await page.locator('nav a', { hasText: 'Ledger' }).count()).toBe(0)
})

test('keeps what it knew while the server cannot answer', async () => {
  await page.route('**/log', (route) => route.abort())
  await page.locator('.problem', { hasText: 'No connection' }).waitFor({ timeout: 15_000 })
  expect(await page.locator('[aria-label="Logs"] tbody tr').count()).toBeGreaterThan(1)
})

test.each(['light', 'dark'] as const)(
  'axe objects to nothing, and nothing scrolls sideways, in %s',
  async (colorScheme) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await verify()
    await page.locator('.ledger-growth').waitFor()
    await expectFine(`ledger-${colorScheme}`)
    await page.goto(`${server.url}/ledger/pack/new?q=actor:ada`)
    await page.locator('[role="status"]', { hasText: 'events' }).waitFor()
    await expectFine(`pack-new-${colorScheme}`)
  },
)

async function verify(): Promise<void> {
  await page.click('text=Verify now')
  await page.locator('button:enabled', { hasText: 'Verify now' }).waitFor()
  await page.locator('.verdict').first().waitFor()
}

async function lines(): Promise<Record<string, string>> {
  const entries = await page
    .locator('.verdict')
    .evaluateAll((all) =>
      all.map((each) => [
        each.querySelector('b')?.textContent ?? '',
        each.querySelector('svg')?.getAttribute('aria-label') ?? '',
      ]),
    )
  // Pairs of two texts each.
  return Object.fromEntries(entries) as Record<string, string>
}

/** Wide and narrow: nothing that axe finds fault with, and no sideways scroll. */
async function expectFine(name: string): Promise<void> {
  for (const size of [NARROW, WIDE]) {
    await page.setViewportSize(size)
    const { violations } = await new AxeBuilder({ page }).analyze()
    expect(violations.map(({ id, nodes }) => [name, id, nodes.map(({ target }) => target)])).toEqual([])
    const sideways = await page.evaluate(() => {
      const content = document.querySelector('#content')
      return content === null ? 0 : content.scrollWidth - content.clientWidth
    })
    expect(sideways, name).toBe(0)
    const pictures = process.env['PICTURES']
    if (pictures !== undefined) await page.screenshot({ path: join(pictures, `${name}-${size.width}.png`) })
  }
}
