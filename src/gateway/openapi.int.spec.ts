/** Requests of every kind, made from the OpenAPI document: no 500, no hang, and every answer is as the document says. */

import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  createReferee,
  type Document,
  type FuzzRequest,
  readDocument,
  requestsOf,
} from '../../test/support/openapi-arbitrary.js'
import { startTestGateway, startTestService, type TestGateway, type TestService } from './testing/gateway.js'

const RUNS_PER_OPERATION = 40
/** An operation asks all instances and servers, or rebuilds a table, so each takes much longer. */
const RUNS_FOR_OPERATORS = 4
const runsOf = (path: string): number =>
  path.startsWith('/v1/operations/') ? RUNS_FOR_OPERATORS : RUNS_PER_OPERATION
const READS = ['balance', 'statement', 'customers', 'ranking']
const ANSWER_MS_MAX = 10_000
/** So few requests hold by chance none of a kind: they are the same ones in each run. `npm run fuzz` makes others. */
const SEED = 20_261

let service: TestService
let gateway: TestGateway
let document: Document

beforeAll(async () => {
  service = await startTestService()
  gateway = await startTestGateway(service.ledger.nc)
  document = readDocument(await (await gateway.call('/openapi.json')).text())
})
afterAll(async () => {
  await gateway.stop()
  await service.stop()
})

type RawReply = { readonly status: number; readonly type: string; readonly text: string }

const send = async ({ url, method, headers, body }: FuzzRequest): Promise<RawReply> => {
  const signal = AbortSignal.timeout(ANSWER_MS_MAX)
  const init = { method: method.toUpperCase(), headers, signal, ...(body === undefined ? {} : { body }) }
  const answer = await gateway.call(url, init)
  return { status: answer.status, type: answer.headers.get('content-type') ?? '', text: await answer.text() }
}

it('every operation answers every request as the document says, and never with 500', async () => {
  const objection = createReferee(document)
  const seen = new Map<string, Set<number>>()
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const statuses = new Set<number>()
      seen.set(operation.operationId ?? path, statuses)
      await fc.assert(
        fc.asyncProperty(requestsOf(path, method, operation), async request => {
          const { status, type, text } = await send(request)
          statuses.add(status)
          expect(status, text).not.toBe(500)
          expect(objection(request, status, type, text), `${status} ${text.slice(0, 500)}`).toBeUndefined()
        }),
        { numRuns: runsOf(path), endOnFailure: false, seed: SEED },
      )
    }
  }
  // otherwise the requests were all of one kind, and the property said little
  // a transaction has one parameter only, and 40 requests may by chance hold no wrong one
  for (const name of ['balance', 'statement', 'credit', 'debit', 'transfer', 'batch']) {
    expect([...(seen.get(name) ?? [])], name).toContain(400)
  }
  for (const name of [...READS, 'natsRequest', 'ping', 'health', 'readiness', 'metrics']) {
    expect([...(seen.get(name) ?? [])], name).toContain(200)
  }
  for (const name of ['credit', 'transfer']) {
    const answered = [...(seen.get(name) ?? [])]
    // 200 is the answer to a dry run
    expect(
      [200, 201, 422].some(status => answered.includes(status)),
      name,
    ).toBe(true)
  }
})
