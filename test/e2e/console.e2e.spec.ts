/** People use the console in a real browser: they find a customer, pay once whatever they click, and settle a dead letter. */

import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NatsConnection } from 'nats'
import type { Browser, Page } from 'playwright-core'
import { extractText, getDocumentProxy } from 'unpdf'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keepPicture, openPage, seriousFaults, startBrowser, WIDTHS } from '../support/browser.js'
import { openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'

const TOKENS = [
  { name: 'boss', scopes: ['read', 'write', 'operate'] },
  { name: 'looker', scopes: ['read'] },
]
const BROKE = 'broke-1'

let bench: Workbench
let browser: Browser
let page: Page
let complaints: readonly string[]
let origin: string
let nc: NatsConnection

beforeAll(async () => {
  bench = openWorkbench()
  const tokens = join(bench.folder, 'tokens.json')
  const entries = TOKENS.map(token => ({
    ...token,
    sha256: createHash('sha256').update(token.name).digest('hex'),
  }))
  writeFileSync(tokens, JSON.stringify({ tokens: entries }))
  const dev = await bench.devWith({ HTTP_TOKENS_FILE: tokens, JETLEDGER_CALLERS: 'gateway' })
  origin = new URL(dev.health_url).origin
  nc = await bench.connect(dev.nats_url)
  for (const i of [1, 2])
    await nc.request('customer.hold', `{"client_id":"677","amount":${i * 10},"transaction_id":"room-${i}"}`)
  await bench.run(['assets', 'add', 'EUR', '--scale', '2'])
  await nc.request(`customer.balance.${BROKE}`, '{"type":"debit","amount":50,"reference":"order 7"}')
  browser = await startBrowser()
  const opened = await openPage(browser, origin)
  page = opened.page
  complaints = opened.complaints
  await page.goto(`${origin}/console`)
})
afterAll(async () => {
  await browser?.close()
  await bench.end()
})

const button = (name: string | RegExp) => page.getByRole('button', { name })
const signIn = async (token: string): Promise<void> => {
  await page.getByLabel('Token').fill(token)
  await page.getByLabel('Token').press('Enter')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
}
const openCustomer = async (id: string): Promise<void> => {
  await page.getByRole('link', { name: 'Customers', exact: true }).click()
  await page.getByLabel('Customer id').fill(id)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: `Customer ${id}` }).waitFor()
}
const read = async (path: string): Promise<Record<string, unknown>> => {
  const answer = await fetch(origin + path, { headers: { authorization: 'Bearer boss' } })
  return (await answer.json()) as Record<string, unknown>
}
const balanceOf = async (id: string): Promise<number> =>
  Number((await read(`/v1/customers/${id}/balance?consistency=strong`)).balance)

/** Opens the form, and goes on to the confirmation. */
const confirm = async (kind: string, amount: number): Promise<void> => {
  await page.getByRole('button', { name: kind, exact: true }).click()
  await page.getByLabel('Amount').fill(String(amount))
  await page.getByLabel('Reference').fill('a test')
  await page.keyboard.press('Enter')
}

describe('the console', () => {
  it('asks for a token, and says when it is not known', async () => {
    await page.getByLabel('Token').fill('nobody')
    await page.keyboard.press('Enter')
    await page.getByText('does not know this token').waitFor()
    await signIn('boss')
    expect(await page.getByText('boss').isVisible()).toBe(true)
  })

  it('finds a customer, and shows the balance before and after a credit; a double click pays once', async () => {
    await openCustomer('678')
    await page.getByRole('cell', { name: 'credit' }).first().waitFor()
    const before = await balanceOf('678')
    await confirm('Credit', 1_111)
    const after = (before + 1_111).toLocaleString('en')
    await page.getByRole('dialog').getByRole('cell', { name: after }).waitFor()
    await keepPicture(page, 'confirm')
    await button('Credit 1,111').dblclick()
    await page.getByText('Carried out.').waitFor()
    await button('Close').click()
    expect(await balanceOf('678')).toBe(before + 1_111)
    await page.getByRole('definition').filter({ hasText: after }).waitFor()
  })

  it.each(['lost', 'never given'])(
    'sends again under the same key when the answer is %s, and it is paid once',
    async fate => {
      const before = await balanceOf('678')
      await confirm('Debit', 7)
      // what the ledger says would happen is asked on the same path
      await button('Debit 7').waitFor()
      // nobody waits for the 30 s of the page here
      await page.evaluate(
        '(real => { AbortSignal.timeout = ms => real(ms / 20) })(AbortSignal.timeout.bind(AbortSignal))',
      )
      // the command reaches the ledger, and its answer does not reach the page. The route stays until the end: a request that
      // Chromium ends while routes change may never end in the page
      let tries = 0
      await page.route('**/debits', async route => {
        tries += 1
        if (tries > 1) return route.continue()
        await route.fetch()
        if (fate === 'lost') await route.abort()
      })
      await button('Debit 7').click()
      await button('Send again').click()
      await page.getByText('It was carried out before, once').waitFor()
      await page.unroute('**/debits')
      await page.reload()
      await page.getByRole('heading', { name: 'Customer 678' }).waitFor()
      expect(await balanceOf('678')).toBe(before - 7)
    },
  )

  it('shows a refusal in the words of the ledger, before anything is sent', async () => {
    await confirm('Debit', 999_999_999)
    await page.getByRole('alert').getByText('INSUFFICIENT_FUNDS').waitFor()
    expect(await button('Debit 999,999,999').count()).toBe(0)
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  })

  it('holds money, captures a part of it, and gives it back', async () => {
    const before = await balanceOf('678')
    await confirm('Hold', 500)
    await button('Hold 500').click()
    await button('Close').click()
    await page.getByRole('heading', { name: 'Open holds' }).waitFor()
    await keepPicture(page, 'hold')
    await button('Capture').click()
    await page.getByLabel('Amount').fill('120')
    await page.keyboard.press('Enter')
    await button('Capture 120').dblclick()
    await page.getByText('Carried out.').waitFor()
    expect(await balanceOf('678')).toBe(before - 120)

    // what was captured is given back from the page of its transaction
    await page.getByRole('dialog').getByRole('link').click()
    await page.getByRole('heading', { name: 'Transaction' }).waitFor()
    await button('Reverse').click()
    await page.keyboard.press('Enter')
    await keepPicture(page, 'reverse')
    await page.getByRole('dialog').getByRole('button', { name: 'Reverse', exact: true }).dblclick()
    await page.getByText('Carried out.').waitFor()
    await button('Close').click()
    expect(await balanceOf('678')).toBe(before)
  })

  it('freezes a customer, and says so; what is refused then is not offered', async () => {
    await openCustomer('679')
    await button('Restrict').click()
    await page.getByLabel('Reason').fill('a chargeback')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Restrict frozen' }).click()
    await button('Close').click()
    await page.getByRole('definition').filter({ hasText: 'frozen' }).waitFor()
    await confirm('Credit', 1)
    await page.getByRole('alert').getByText('ACCOUNT_RESTRICTED').waitFor()
    await page.keyboard.press('Escape')
  })

  it('finds customers by how their ids begin', async () => {
    await page.getByRole('link', { name: 'Customers', exact: true }).click()
    await page.getByLabel('Customer id').fill('67')
    await page.getByText('11 customers').waitFor()
    const ids = await page.getByRole('rowheader').allTextContents()
    expect(ids).toEqual(['67', ...Array.from({ length: 10 }, (_, i) => `67${i}`)])
  })

  it('has a page for each asset of a customer', async () => {
    await openCustomer('678/EUR')
    await page.getByText('no event of this customer').waitFor()
    await confirm('Credit', 4_242)
    await button('Credit 4,242').click()
    await page.getByText('Carried out.').waitFor()
    await page.getByRole('dialog').getByText('Balance of 678/EUR').waitFor()
    await button('Close').click()
    await page.getByRole('definition').filter({ hasText: '4,242' }).first().waitFor()
    await openCustomer('678')
    await page.getByRole('link', { name: '4,242', exact: true }).click()
    await page.getByRole('heading', { name: 'Customer 678/EUR' }).waitFor()
    await page.getByRole('link', { name: 'Customers', exact: true }).click()
    await page.getByLabel('Customer id').fill('67/EUR')
    await page.getByRole('rowheader', { name: '678/EUR' }).waitFor()
  })

  it('gives the statement of the chosen days as PDF, by keyboard, in the decimals of the asset', async () => {
    await openCustomer('678/EUR')
    const today = new Date().toISOString().slice(0, 10)
    await page.getByLabel('From day (UTC)').fill(today)
    await page.getByLabel('To day (UTC)').fill(today)
    await page.getByRole('cell', { name: '+4,242' }).waitFor()
    await button('Download CSV').focus()
    await page.keyboard.press('Tab')
    const coming = page.waitForEvent('download')
    await page.keyboard.press('Enter')
    const file = await coming
    expect(file.suggestedFilename()).toBe('statement-678-EUR.pdf')
    const bytes = new Uint8Array(readFileSync(await file.path()))
    const { text } = await extractText(await getDocumentProxy(bytes), { mergePages: true })
    expect(text).toMatch(/678, in EUR\s.*Opening balance\s+0\.00\s.*Closing balance\s+42\.42/s)
    expect(text).toContain(`${today} 00:00 to ${today}`)
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Download PDF')
  })

  it.each(WIDTHS)('says why there is no PDF, at %i px', async width => {
    await page.setViewportSize({ width, height: 844 })
    await page.getByLabel('To day (UTC)').fill('2020-01-01')
    await button('Download PDF').click()
    await page.getByRole('alert').getByText('to: must be later than from').waitFor()
    expect(await seriousFaults(page)).toEqual([])
    await keepPicture(page, `no-pdf-${width}`)
    await page.getByLabel('From day (UTC)').fill('')
    await button('Download PDF').click()
    await page.getByRole('alert').getByText('no events up to then').waitFor()
    await page.getByLabel('From day (UTC)').fill(new Date().toISOString().slice(0, 10))
    await page.setViewportSize({ width: WIDTHS[1], height: 900 })
  })

  it('goes on where the browser takes itself for offline: the gateway may be on this machine', async () => {
    await openCustomer('678')
    await page.evaluate("dispatchEvent(new Event('offline'))")
    const before = await balanceOf('678')
    await confirm('Credit', 3)
    await button('Credit 3').click()
    await page.getByText('Carried out.').waitFor()
    await button('Close').click()
    expect(await balanceOf('678')).toBe(before + 3)
    await page.evaluate("dispatchEvent(new Event('online'))")
  })

  it('shows events as they are stored', async () => {
    await page.getByRole('link', { name: 'Live' }).click()
    await page.getByText('live, at sequence').waitFor()
    await nc.request('customer.credit', `{"client_id":"${BROKE}","amount":80,"transaction_id":"rescue"}`)
    await page.getByRole('link', { name: 'rescue' }).waitFor()
    expect(await page.getByText('none missing').isVisible()).toBe(true)
    await keepPicture(page, 'live-with-events')
    await page.getByRole('link', { name: 'rescue' }).click()
    await page.getByText('carried out').waitFor()
    await page.getByRole('link', { name: BROKE }).waitFor()
  })

  it('retries a dead letter, and tells what became of it', async () => {
    await page.getByRole('link', { name: 'Operations' }).click()
    await page.getByText('INSUFFICIENT_FUNDS').first().waitFor()
    await button(/Retry event/).click()
    await page.getByLabel('Reason').fill('the money came')
    await page.keyboard.press('Enter')
    await page.getByText('has its effect').waitFor()
    await button('Close').click()
    await page.getByText('None is open.').waitFor()
    expect(await balanceOf(BROKE)).toBe(30)
    const { entries } = (await until(
      async () => {
        const statement = await read(`/v1/customers/${BROKE}/statement`)
        return (statement.entries as unknown[]).length === 2 && statement
      },
      { deadline_ms: 30_000, what: 'the statement' },
    )) as { entries: unknown[] }
    expect(entries[0]).toMatchObject({ type: 'debit', by: 'token:boss' })
  })

  it('rebuilds a projection', async () => {
    await button('Replay ledger').click()
    await page.getByText('replayed into generation 2').waitFor()
  })

  it.each(WIDTHS)('has no serious fault, and nothing to scroll sideways, at %i px', async width => {
    await page.setViewportSize({ width, height: width === WIDTHS[0] ? 844 : 900 })
    const places = [
      'overview',
      'customers',
      'customers/678',
      'customers/677',
      'customers/679',
      'customers/678%2FEUR',
      'transaction/rescue',
      'live',
      'operations',
    ]
    // colours do not depend on the width: the dark ones are looked at once
    for (const scheme of width === WIDTHS[0] ? (['light'] as const) : (['light', 'dark'] as const)) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
      for (const place of places) {
        await page.goto(`${origin}/console#/${place}`)
        await page.locator('main table, main .chart canvas').first().waitFor()
        expect(await seriousFaults(page), `${place} ${scheme}`).toEqual([])
        const { wide, shown } = (await page.evaluate(
          '({ wide: document.documentElement.scrollWidth, shown: innerWidth })',
        )) as { wide: number; shown: number }
        expect(wide, place).toBeLessThanOrEqual(shown)
        await keepPicture(page, `${place.replace('/', '-')}-${width}-${scheme}`)
      }
    }
  })

  it('shows and gives a reader nothing else', async () => {
    await page.setViewportSize({ width: WIDTHS[1], height: 900 })
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Token').waitFor()
    expect(await seriousFaults(page)).toEqual([])
    await keepPicture(page, 'sign-in')
    await page.goto(`${origin}/console#/overview`)
    await signIn('looker')
    expect(await page.getByRole('link', { name: 'Operations' }).count()).toBe(0)
    await openCustomer('678')
    await page.getByRole('cell', { name: 'credit' }).first().waitFor()
    expect(await button('Credit').count()).toBe(0)
  })

  it('made no request to another host, and broke no policy', () => {
    expect(complaints).toEqual([])
  })
})
