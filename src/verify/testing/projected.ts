/**
 * Starts a ledger with every projection at work, for the tests of verify, with functions that change its tables by
 * hand.
 */

import { DeleteCommand, type DynamoDBDocumentClient, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import type { Projector } from '../../projections/runner.js'
import { PROJECTION_NAMES } from '../../tables/definition.js'
import { type Report, type VerifyOptions, verify } from '../verify.js'

const SUFFIX = { balances: '', journal: '-journal', totals: '-totals', ranking: '-ranking' }
type Table = keyof typeof SUFFIX

export type ProjectedLedger = TestLedger & {
  /** Starts every projection, and waits until it has caught up. */
  readonly projectAll: () => Promise<void>
  readonly stopProjecting: () => Promise<void>
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

export const startProjectedLedger = async (): Promise<ProjectedLedger> => {
  const ledger = await startTestLedger()
  const { tables, emit } = ledger
  const tableOf = (projection: Table): string => `${ledger.base_table}${SUFFIX[projection]}`
  const projectors: Projector[] = []

  const stopProjecting = async (): Promise<void> => {
    await Promise.all(projectors.splice(0).map(({ stop }) => stop()))
  }

  return {
    ...ledger,
    tableOf,
    stopProjecting,
    projectAll: async () => {
      projectors.push(...ledger.project(...PROJECTION_NAMES))
      await ledger.caughtUp()
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
  }
}
