/**
 * Starts a ledger with every projection at work, for the tests of verify, with functions that change its tables by
 * hand.
 */

import { DeleteCommand, type DynamoDBDocumentClient, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { until } from '../../../test/support/servers.js'
import { PROJECTIONS } from '../../projections/definitions/all.js'
import { type Projector, startProjector } from '../../projections/runner.js'
import { projectionLag } from '../../stream/lag.js'
import { type Report, type VerifyOptions, verify } from '../verify.js'

const SUFFIX = { balances: '', journal: '-journal', totals: '-totals', ranking: '-ranking' }
type Table = keyof typeof SUFFIX

export type ProjectedLedger = TestLedger & {
  /** Starts every projection, and waits until it has caught up. */
  readonly project: () => Promise<void>
  readonly stopProjecting: () => Promise<void>
  readonly caughtUp: () => Promise<void>
  readonly check: (options?: Partial<VerifyOptions>, tables?: DynamoDBDocumentClient) => Promise<Report>
  readonly tableOf: (projection: Table) => string
  readonly update: (projection: Table, id: string, attribute: string, value: unknown) => Promise<void>
  readonly put: (projection: Table, item: Record<string, unknown>) => Promise<void>
  readonly remove: (projection: Table, id: string) => Promise<void>
  /** Publishes the two sides of a transfer, one after the other, as a command's batch stores them. */
  readonly transfer: (from: string, to: string, amount: number, id: string) => Promise<void>
}

export const credit = (amount: number | string, more: object = {}) => ({ type: 'credit', amount, ...more })
export const debit = (amount: number, more: object = {}) => ({ type: 'debit', amount, ...more })

const CAUGHT_UP_MS_MAX = 20_000

export const startProjectedLedger = async (): Promise<ProjectedLedger> => {
  const ledger = await startTestLedger()
  const { nc, tables, emit } = ledger
  const tableOf = (projection: Table): string => `${ledger.base_table}${SUFFIX[projection]}`
  let projectors: Projector[] = []

  const isCaughtUp = async (): Promise<boolean> => {
    const lags = await Promise.all(Object.keys(PROJECTIONS).map(name => projectionLag(nc, name)()))
    return lags.every(lag => lag._tag === 'Right' && lag.right.lag_events === 0)
  }
  const caughtUp = async (): Promise<void> => {
    await until(isCaughtUp, { deadline_ms: CAUGHT_UP_MS_MAX, what: 'the projections to be caught up' })
  }
  const stopProjecting = async (): Promise<void> => {
    await Promise.all(projectors.splice(0).map(({ stop }) => stop()))
  }

  return {
    ...ledger,
    tableOf,
    caughtUp,
    stopProjecting,
    project: async () => {
      projectors = Object.values(PROJECTIONS).map(projection => startProjector(ledger, projection))
      await caughtUp()
    },
    check: (options = {}, client = tables) =>
      verify(
        { ...ledger, tables: client },
        { totals: true, timeout_ms: 30_000, differences_max: 100, ...options },
        () => undefined,
        new AbortController().signal,
      ),
    update: async (projection, id, attribute, value) => {
      await tables.send(
        new UpdateCommand({
          TableName: tableOf(projection),
          Key: { id },
          UpdateExpression: 'SET #a = :v',
          ExpressionAttributeNames: { '#a': attribute },
          ExpressionAttributeValues: { ':v': value },
        }),
      )
    },
    put: async (projection, item) => {
      await tables.send(new PutCommand({ TableName: tableOf(projection), Item: item }))
    },
    remove: async (projection, id) => {
      await tables.send(new DeleteCommand({ TableName: tableOf(projection), Key: { id } }))
    },
    transfer: async (from, to, amount, id) => {
      await emit(from, debit(amount, { transaction_id: id, transfer: { counterparty: to } }))
      await emit(to, credit(amount, { transaction_id: `${id}:credit`, transfer: { counterparty: from } }))
    },
    stop: async () => {
      await stopProjecting()
      await ledger.stop()
    },
  }
}
