import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { buildUi, isUiStale } from '../../scripts/build.ts'

export const WIDE = { width: 1440, height: 900 }
export const NARROW = { width: 390, height: 844 }

/**
 * Gives each test of a file a page of its own, wide and light, in a browser that all share. A test fails when its page
 * complained: of a script that failed, of a dialog, of what the content security policy stopped.
 */
export function eachHasAPage(take: (page: Page) => void, options: BrowserContextOptions = {}): void {
  let browser: Browser
  let context: BrowserContext
  let complaints: string[]

  beforeAll(async () => {
    if (isUiStale()) await buildUi()
    browser = await chromium.launch({
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu'],
    })
  })

  afterAll(() => browser.close())

  beforeEach(async () => {
    context = await browser.newContext({
      viewport: WIDE,
      locale: 'en-GB',
      timezoneId: 'Europe/Stockholm',
      colorScheme: 'light',
      permissions: ['clipboard-read', 'clipboard-write'],
      ...options,
    })
    const page = await context.newPage()
    complaints = []
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('dialog', (dialog) => {
      complaints.push(`dialog ${dialog.message()}`)
      void dialog.dismiss()
    })
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        complaints.push(message.text())
    })
    take(page)
  })

  afterEach(async () => {
    await context.close()
    expect(complaints).toEqual([])
  })
}
