/**
 * Starts a ledger with its projection at work, for the tests of verify, with functions that change its table by hand.
 */

import { DeleteCommand, type DynamoDBDocumentClient, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import type { Projector } from '../../projections/runner.js'
import { tableName } from '../../tables/definition.js'
import type { JournalKind } from '../../tables/savepoints.js'
import { type Report, type VerifyOptions, verify } from '../verify.js'

export type ProjectedLedger = TestLedger & {
  /** The table of the first generation. */
  readonly table_name: string
  /** Starts the projection, and waits until it has caught up. */
  readonly projectAll: () => Promise<void>
  readonly stopProjecting: () => Promise<void>
  readonly check: (options?: Partial<VerifyOptions>, tables?: DynamoDBDocumentClient) => Promise<Report>
  readonly update: (id: string, attribute: string, value: unknown) => Promise<void>
  readonly put: (item: Record<string, unknown>) => Promise<void>
  readonly remove: (id: string) => Promise<void>
  /** Publishes the two sides of a transfer, one after the other, as a command's batch stores them. */
  readonly transfer: (from: string, to: string, amount: number, id: string) => Promise<void>
}

export const credit = (amount: number | string, more: object = {}) => ({ type: 'credit', amount, ...more })
export const debit = (amount: number, more: object = {}) => ({ type: 'debit', amount, ...more })

export const startProjectedLedger = async (
  journal: JournalKind = 'every-event',
): Promise<ProjectedLedger> => {
  const ledger = await startTestLedger({ journal })
  const { tables, emit } = ledger
  const table_name = tableName(ledger.base_table, 'ledger', 1)
  let projector: Projector | undefined

  const stopProjecting = async (): Promise<void> => {
    await projector?.stop()
    projector = undefined
  }

  return {
    ...ledger,
    table_name,
    stopProjecting,
    projectAll: async () => {
      projector = ledger.project()
      await ledger.caughtUp()
    },
    check: (options = {}, client = tables) =>
      verify(
        { ...ledger, tables: client },
        { totals: true, timeout_ms: 30_000, differences_max: 100, ...options },
        () => undefined,
        new AbortController().signal,
      ),
    update: async (id, attribute, value) => {
      await tables.send(
        new UpdateCommand({
          TableName: table_name,
          Key: { id },
          UpdateExpression: 'SET #a = :v',
          ExpressionAttributeNames: { '#a': attribute },
          ExpressionAttributeValues: { ':v': value },
        }),
      )
    },
    put: async item => {
      await tables.send(new PutCommand({ TableName: table_name, Item: item }))
    },
    remove: async id => {
      await tables.send(new DeleteCommand({ TableName: table_name, Key: { id } }))
    },
    transfer: async (from, to, amount, id) => {
      await emit(from, debit(amount, { transaction_id: id, transfer: { counterparty: to } }))
      await emit(to, credit(amount, { transaction_id: `${id}:credit`, transfer: { counterparty: from } }))
    },
  }
}
