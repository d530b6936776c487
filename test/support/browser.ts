/** A real browser for the specs of the console: a headless Chromium from npm, and what it saw. */

import { join } from 'node:path'
import chromium from '@sparticuz/chromium'
import axe from 'axe-core'
import { type Browser, type Page, chromium as playwright } from 'playwright-core'

const STEP_MS_MAX = 20_000

/** The two widths at which each page has to work: a phone and a desktop. */
export const WIDTHS = [390, 1_280] as const

export const startBrowser = async (): Promise<Browser> =>
  playwright.launch({ executablePath: await chromium.executablePath(), args: chromium.args, headless: true })

export type WatchedPage = { readonly page: Page; readonly complaints: string[] }

/** A page of `origin` that notes each error of its scripts, each breach of its policy, and each request to another host. */
export const openPage = async (browser: Browser, origin: string): Promise<WatchedPage> => {
  const page = await browser.newPage({ locale: 'en', viewport: { width: WIDTHS[1], height: 900 } })
  page.setDefaultTimeout(STEP_MS_MAX)
  const complaints: string[] = []
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('console', message => {
    // a refusal is an answer that the page shows
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text())
  })
  page.on('request', request => {
    const url = request.url()
    if (!url.startsWith(origin) && !url.startsWith('blob:')) complaints.push(`another host: ${url}`)
  })
  return { page, complaints }
}

type Finding = {
  readonly id: string
  readonly impact: string
  readonly nodes: readonly { readonly html: string }[]
}

/** What axe-core finds on the page that is serious or critical. */
export const seriousFaults = async (page: Page): Promise<readonly string[]> => {
  await page.evaluate(axe.source)
  const found = (await page.evaluate('axe.run()')) as { readonly violations: readonly Finding[] }
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
}

/** Keeps a picture of the whole page where the developer asks for pictures: SCREENSHOTS names a folder. */
export const keepPicture = async (page: Page, name: string): Promise<void> => {
  const folder = process.env.SCREENSHOTS
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}
