/** The page at /docs: its own script reads the document of a gateway in front of the real service. */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Element, openPage } from '../../test/support/page.js'
import { CATALOGUE } from '../service/catalogue.js'
import { ROUTES } from './routes.js'
import { startTestGateway, startTestService, type TestGateway, type TestService } from './testing/gateway.js'

let service: TestService
let gateway: TestGateway
let page: (id: string) => Element

beforeAll(async () => {
  service = await startTestService()
  gateway = await startTestGateway(service.ledger.nc)
  page = await openPage(gateway.url)
})
afterAll(async () => {
  await gateway.stop()
  await service.stop()
})

const tagged = (tag: string) => (element: Element) => element.tag === tag

const operation = (summary: string): Element => {
  const found = page('operations')
    .all(tagged('details'))
    .find(element => element.textContent.includes(summary))
  if (found === undefined) throw new Error(`the page has no ${summary}`)
  return found
}

const send = async (form: Element): Promise<string> => {
  await form.all(tagged('form'))[0]?.submit()
  return form.all(tagged('pre'))[0]?.textContent ?? ''
}

it('shows every route and every error', () => {
  for (const { path, summary } of ROUTES) {
    const shown = operation(summary)
    expect(shown.all(element => element.className === 'path').map(each => each.textContent)).toEqual([path])
  }
  expect(page('errors').children.map(row => (row as Element).id)).toEqual(Object.keys(CATALOGUE))
  expect(page('token-label').hidden).toBe(true)
})

it('sends what its form holds, shows the line for curl, and the answer', async () => {
  const credit = operation("Adds an amount to a customer's balance")
  const [client] = credit.all(tagged('input'))
  expect(client?.value).toBe('678')
  const key = credit.all(tagged('input'))[1]
  if (key !== undefined) key.value = "o'key"
  const said = await send(credit)
  expect(said).toContain(`curl -i -X POST '${gateway.url}/v1/customers/678/credits'`)
  expect(said).toContain(`-H 'Idempotency-Key: o'\\''key'`)
  expect(said).toContain('201 Created')
  expect(said).toContain('"balance": 100')
})

it('has a label for every field, and a transfer that can be sent as it is', async () => {
  const fields = (element: Element) => /^(input|textarea)$/.test(element.tag)
  const labels = page('operations').all(tagged('label'))
  expect(labels.flatMap(label => label.all(fields))).toEqual(page('operations').all(fields))
  for (const label of labels) expect(label.textContent).not.toBe('')
  expect(await send(operation("Adds an amount to a customer's balance"))).toContain('201 Created')
  expect(await send(operation('Moves an amount from one'))).toContain('201 Created')
})

it('encodes what goes into a path', async () => {
  const transaction = operation('What became of a transaction')
  const [id] = transaction.all(tagged('input'))
  if (id !== undefined) id.value = 'a/b?c'
  expect(await send(transaction)).toMatch(/transactions\/a%2Fb%3Fc'[\s\S]*404 Not Found/)
})
