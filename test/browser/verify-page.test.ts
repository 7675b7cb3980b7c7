import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { afterAll, beforeEach, expect, test } from 'vitest'

import { repacked, withoutBlock } from '../a-pack.ts'
import { eachHasAPage, NARROW } from './browser-page.ts'

const ROOT = join(import.meta.dirname, '../..')
const GOLDEN = join(ROOT, 'test/fixtures/evidence/range.tar')
const folder = mkdtempSync(join(tmpdir(), 'whodid-page-'))
afterAll(() => rmSync(folder, { recursive: true }))

let page: Page
eachHasAPage((own) => (page = own), { offline: true })

const asked: string[] = []
beforeEach(async () => {
  asked.length = 0
  page.on('request', (request) => asked.push(request.url()))
  await page.goto(pathToFileURL(join(ROOT, 'dist/verify.html')).href)
})

interface Told {
  readonly verdict: string
  readonly summary: string
  readonly lines: readonly unknown[]
}

function byCommand(pack: string): Told {
  const { stdout } = spawnSync(process.execPath, [join(ROOT, 'src/cli/main.ts'), 'verify', pack, '-o', 'json'], {
    encoding: 'utf8',
  })
  // Our own command wrote it.
  return JSON.parse(stdout) as Told
}

async function byPage(pack: string): Promise<Told> {
  await page.locator('#pack').setInputFiles(pack)
  const status = page.locator('#status')
  await page.locator('#status[data-verdict*="verified"]').waitFor()
  const lines = await page
    .locator('#lines tr')
    .evaluateAll((rows) => rows.map((row): unknown => JSON.parse(row.getAttribute('data-line') ?? '')))
  return { verdict: (await status.getAttribute('data-verdict')) ?? '', summary: await status.innerText(), lines }
}

function saved(name: string, bytes: Uint8Array): string {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}

const flipped = (): Buffer => {
  const bytes = readFileSync(GOLDEN)
  bytes[Math.floor(bytes.length / 2)]! ^= 1
  return bytes
}

test.each([
  ['a good pack', 'verified', () => readFileSync(GOLDEN)],
  ['an altered pack', 'not verified', flipped],
  [
    'a pack with a block held back',
    'not verified',
    () => repacked(readFileSync(GOLDEN), (members) => withoutBlock(members, 'place')),
  ],
  ['no pack at all', 'not verified', () => Buffer.from('nothing')],
])(
  '%s: the same lines and the same verdict as the command, from a file, without a network',
  async (name, verdict, make) => {
    const pack = saved(`${name.replaceAll(' ', '-')}.tar`, make())
    const command = byCommand(pack)
    const told = await byPage(pack)

    expect(told.verdict).toBe(verdict)
    expect(told).toEqual({ verdict: command.verdict, summary: command.summary, lines: command.lines })
    expect(asked.filter((url) => !url.startsWith('file:'))).toEqual([])
  },
)

test('its content security policy lets it reach nothing, and run nothing but itself', async () => {
  const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content')

  expect(policy).toMatch(
    /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'$/,
  )
})

test('shows the events, what was believed, and a pack of one’s own policy', async () => {
  await byPage(GOLDEN)
  expect(await page.locator('#count').innerText()).toBe('2 of 2 events')
  expect(await page.locator('#events tr').first().innerText()).toContain('ada@example.com')
  expect(await page.locator('#trusted').innerText()).toContain('the policy inside the pack')

  await page.locator('summary').click()
  await page.locator('#policy').setInputFiles(saved('policy.txt', Buffer.from('quorum none\n')))
  await page.locator('#status[data-verdict="not verified"]').waitFor()
  expect(await page.locator('#trusted').innerText()).toBe('Believed: your policy.')
})

test.each(['light', 'dark'] as const)(
  'has nothing that axe finds fault with, wide and narrow, %s',
  async (colorScheme) => {
    await page.emulateMedia({ colorScheme })
    for (const pack of [GOLDEN, saved('bad.tar', flipped())]) {
      await byPage(pack)
      for (const size of [{ width: 1200, height: 900 }, NARROW]) {
        await page.setViewportSize(size)
        const { violations } = await new AxeBuilder({ page }).analyze()
        expect(violations.map(({ id, nodes }) => [id, nodes.map(({ target }) => target)])).toEqual([])
      }
    }
  },
)

test('works with the keyboard alone, and a dropped file is taken', async () => {
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('pack')
  const base64 = readFileSync(GOLDEN).toString('base64')
  await page.evaluate((text) => {
    const data = new DataTransfer()
    data.items.add(new File([Uint8Array.from(atob(text), (each) => each.charCodeAt(0))], 'pack.tar'))
    document.getElementById('drop')?.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true }))
  }, base64)
  await page.locator('#status[data-verdict="verified"]').waitFor()
})

test('its hash is printed by the command', () => {
  const main = join(ROOT, 'src/cli/main.ts')
  const out = execFileSync(process.execPath, [main, 'verify', '--page-hash'], { encoding: 'utf8' })
  expect(out.trim()).toBe(
    execFileSync('sha256sum', [join(ROOT, 'dist/verify.html')], { encoding: 'utf8' }).slice(0, 64),
  )
})
