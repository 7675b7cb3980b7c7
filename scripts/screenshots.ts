import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import { startReplay } from '../examples/quickstart/replay.ts'
import type { EventPage, Summary } from '../src/domain/answers.ts'
import type { AuditEvent } from '../src/domain/event.ts'
import { systemClock } from '../src/lib/clock.ts'
import { runCommand, startServerProcess } from '../test/server-process.ts'
import { buildUi, isUiStale } from './build.ts'

/** `npm run screenshots`: the pictures of the README, of the real server on the quickstart's records. */
const root = join(import.meta.dirname, '..')
const pictures = join(root, 'docs/pictures')
const home = mkdtempSync(join(tmpdir(), 'whodid-pictures-'))
const config = join(home, 'examples/quickstart/whodid.yaml')
const data = join(home, '.whodid')

const HOUR = 3_600_000
const SIZES = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844 } } as const
/** The story that the pictures tell: an intern comes upon a binding that is too wide, and reads a secret. */
const STORY = 'actor:erin policy:interns-edit resource.type:secret'
const QUERY = 'actor:erin,alice,bob,carol,dave -action:watch,list'

if (isUiStale()) await buildUi()
mkdirSync(join(home, 'examples/quickstart'), { recursive: true })
mkdirSync(pictures, { recursive: true })
// Its paths are relative to the file, so a copy in a folder of the same shape works on data of its own.
cpSync(join(root, 'examples/quickstart/whodid.yaml'), config)
const ended = new AbortController()
const replaying = startReplay({ folder: join(data, 'sample'), clock: systemClock, signal: ended.signal })
const server = await startServerProcess({ data, config })
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none'],
})
try {
  const token = await server.token('read')
  await untilIndexed(token)
  const event = await storyEvent(token)
  for (const size of ['wide', 'narrow'] as const) {
    for (const theme of ['light', 'dark'] as const) await take(event, size, theme)
  }
} finally {
  await browser.close()
  ended.abort()
  await replaying
  await server.stop()
  rmSync(home, { recursive: true, force: true })
}

async function take(event: AuditEvent, size: keyof typeof SIZES, theme: 'light' | 'dark'): Promise<void> {
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme: theme,
    locale: 'en-GB',
    timezoneId: 'Europe/Stockholm',
    reducedMotion: 'reduce',
  })
  const page = await context.newPage()
  await page.goto(`${server.url}${await signInPath()}`)
  await page.waitForSelector('.row')
  const at = Date.parse(event['@timestamp'])
  const range = { from: new Date(at - 2 * HOUR).toISOString(), to: new Date(at + HOUR / 2).toISOString() }
  await page.goto(`${server.url}/events?${new URLSearchParams({ q: QUERY, ...range, id: event.event.id ?? '' })}`)
  await settled(page)
  await page.waitForSelector('.proof-words >> text=checks made')
  if (size === 'narrow') await page.click('[aria-label="Back to the list"]')
  await shoot(page, `search-${size}-${theme}`)
  if (size === 'narrow') await page.locator('.row[tabindex="0"]').click()
  // A second look compares with the checkpoint that the first one left in the browser.
  await page.click('#tab-proof')
  await page.click('text=Check again')
  await page.waitForSelector('.verdict.is-yes >> text=Consistent')
  await page.click('text=Show path')
  await shoot(page, `proof-${size}-${theme}`)
  if (size === 'wide') {
    await page.goto(`${server.url}/sources`)
    await page.waitForSelector('.sources-table tbody tr')
    await shoot(page, `sources-${size}-${theme}`)
    await page.goto(`${server.url}/policies`)
    await page.waitForSelector('.rule-family')
    await shoot(page, `rules-${size}-${theme}`)
  }
  await context.close()
}

async function settled(page: Page): Promise<void> {
  await page.waitForSelector('.row')
  await page.waitForSelector('.totals-count b')
  await page.waitForFunction(() => document.querySelector('.totals-took')?.textContent?.endsWith('ms') === true)
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0)
  await page.evaluate(() => document.fonts.ready.then(() => undefined))
  await page.screenshot({ path: join(pictures, `${name}.png`) })
  console.log(`docs/pictures/${name}.png`)
}

async function storyEvent(token: string): Promise<AuditEvent> {
  const query = new URLSearchParams({ q: STORY, limit: '1' })
  const response = await fetch(`${server.url}/v1/events?${query}`, { headers: { authorization: `Bearer ${token}` } })
  // Our own API's answer.
  const { events } = (await response.json()) as EventPage
  const [event] = events
  if (event === undefined) throw new Error('the story is not in the records')
  return event
}

async function signInPath(): Promise<string> {
  const { stdout } = await runCommand(['admin-link', '--data', data])
  return /\/#admin=\S+/.exec(stdout)?.[0] ?? ''
}

/** The replayer writes a week at once: wait until all of it can be found. */
async function untilIndexed(token: string): Promise<void> {
  let last = -1
  for (;;) {
    const response = await fetch(`${server.url}/v1/events:summary?q=&since=8d`, {
      headers: { authorization: `Bearer ${token}` },
    })
    // Our own API's answer; while the engine starts it is a problem, without a total.
    const { total = 0 } = (await response.json()) as Partial<Summary>
    if (total > 5000 && total - last < 100) return
    last = total
    await sleep(1000)
  }
}
