/** Sends commands and reads over HTTP, as clients do: every write has an `Idempotency-Key`. */

import { uuidv7 } from '../../src/uuid.js'
import type { Operation, Result } from '../measure/job.js'
import type { Targets } from '../processes/targets.js'
import { codeOf, type Random, refused } from './client-request.js'
import { BULK_COMMANDS, countResults } from './commands.js'
import { HOT_CUSTOMER, pair, uniform } from './customers.js'
import type { HttpAnswer } from './http-answer.js'
import { createHttpPool, type HttpPool } from './http-pool.js'

const ACCEPTED: Result = { accepted: 1 }
const ONE: (answer: HttpAnswer) => Result = () => ACCEPTED
const CODE = /"code":"([A-Z_]+)"/

/** The pool is kept from one measurement of this process to the next. */
let pool: HttpPool | undefined

type Request = { readonly start: string; readonly headers: string; readonly body: string }

/** Makes an operation that sends what `next` makes; `count` gives the result of an answer with a status below 300. */
const sending =
  (next: (random: Random) => Request, count = ONE) =>
  (random: Random, { http_urls = [] }: Targets): Operation => {
    pool ??= createHttpPool(http_urls)
    const { send } = pool
    return async () => {
      const { start, headers, body } = next(random)
      try {
        const answer = await send(start, headers, body)
        if (answer.status < 300) return count(answer)
        return refused(CODE.exec(answer.body)?.[1] ?? `HTTP_${answer.status}`)
      } catch (error) {
        return refused(error instanceof Error ? error.message : codeOf(error))
      }
    }
  }

const post = (path: string, body: unknown): Request => ({
  start: `POST ${path}`,
  headers: `Content-Type: application/json\r\nIdempotency-Key: ${uuidv7()}\r\n`,
  body: JSON.stringify(body),
})

const credit = (customer: (random: Random) => string) =>
  sending(random => post(`/v1/customers/${customer(random)}/credits`, { amount: 1 }))

export const httpCredit = credit(uniform)
export const httpCreditHot = credit(() => HOT_CUSTOMER)

export const httpTransfer = sending(random => {
  const [from, to] = pair(random)
  return post('/v1/transfers', { from, to, amount: 1 })
})

/** The gateway makes the ids of the commands from the key of the request. */
export const httpBatch = sending(
  random => {
    const command = () => ({ type: 'credit', client_id: uniform(random), amount: 1 })
    return post('/v1/batches', { mode: 'each', commands: Array.from({ length: BULK_COMMANDS }, command) })
  },
  ({ body }) => countResults(body),
)

export const httpBalance = sending(random => ({
  start: `GET /v1/customers/${uniform(random)}/balance`,
  headers: '',
  body: '',
}))
