/** Collects what the clients read: every answer that shows states of customers, with its question. */

import { accountIn, accountName } from './account.js'
import { bodyOf, type Call, errorCodeOf } from './calls.js'
import { countOf, field, type Json, readObject, textOf, wholeOf } from './json.js'

/** A balance as an answer shows it; `age_ms` is the largest age that the service states. */
export type Shown = {
  readonly balance: bigint
  readonly version: number
  readonly seq: number
  readonly age_ms: number
}

export type BalanceRead = {
  readonly call: Call
  readonly client_id: string
  readonly question: Json
  /** Undefined when there was no answer or the answer was an error. */
  readonly shown: Shown | undefined
  readonly error: string | undefined
}

const shownIn = (call: Call): Shown | undefined => {
  const { end } = call
  const balance = wholeOf(field(bodyOf(end), 'balance'))
  if (end.tag !== 'answer' || balance === undefined) return undefined
  const header = (name: string): number => Number(end.headers.get(name) ?? Number.NaN)
  const [version, seq] = [header('Ledger-Version'), header('Ledger-Seq')]
  const age_ms = header('Ledger-Age-Ms')
  if (!Number.isSafeInteger(version) || !Number.isSafeInteger(seq)) return undefined
  return { balance, version, seq, age_ms: Number.isFinite(age_ms) ? age_ms : 0 }
}

const BALANCES: readonly string[] = ['balance', 'min_version', 'strong', 'as_of']

/** The calls that asked for a balance. */
export const balanceReads = (calls: readonly Call[]): readonly BalanceRead[] =>
  calls
    .filter(({ kind }) => BALANCES.includes(kind))
    .map(call => {
      const question = readObject(call.body)
      const client_id = accountIn(question) ?? ''
      return { call, client_id, question, shown: shownIn(call), error: errorCodeOf(call.end) }
    })

type PageEntry = {
  readonly seq: number
  readonly type: string
  readonly amount: bigint | undefined
  readonly balance: bigint | undefined
  readonly version: number | undefined
}

/** A page of a customer's history, from a successful answer. */
export type StatementRead = {
  readonly call: Call
  readonly client_id: string
  readonly limit: number
  readonly entries: readonly PageEntry[]
  readonly has_more: boolean
}

export const statementReads = (calls: readonly Call[]): readonly StatementRead[] =>
  calls.flatMap(call => {
    const body = bodyOf(call.end)
    const entries = field(body, 'entries')
    if (call.kind !== 'statement' || !Array.isArray(entries)) return []
    const question = readObject(call.body)
    return [
      {
        call,
        client_id: accountIn(question) ?? '',
        limit: countOf(field(question, 'limit')) ?? 0,
        has_more: field(body, 'cursor') !== undefined,
        entries: entries.map((entry: Json) => ({
          seq: countOf(field(entry, 'seq')) ?? 0,
          type: textOf(field(entry, 'type')) ?? '',
          amount: wholeOf(field(entry, 'amount')),
          balance: wholeOf(field(entry, 'balance')),
          version: countOf(field(entry, 'version')),
        })),
      },
    ]
  })

/** A customer as a list or the ranking shows it. */
export type ListRead = {
  readonly call: Call
  readonly rows: readonly {
    readonly client_id: string
    readonly balance: bigint | undefined
    readonly version: number | undefined
  }[]
}

export const listReads = (calls: readonly Call[]): readonly ListRead[] =>
  calls.flatMap(call => {
    const customers = field(bodyOf(call.end), 'customers') ?? field(bodyOf(call.end), 'ranking')
    if (call.kind !== 'list' || !Array.isArray(customers)) return []
    const question = readObject(call.body)
    const rows = customers.map((row: Json) => ({
      client_id: accountName(textOf(field(row, 'client_id')) ?? '', question),
      balance: wholeOf(field(row, 'balance')),
      version: countOf(field(row, 'version')),
    }))
    return [{ call, rows }]
  })

/** The state of a transaction, as an answer of `customer.transaction` tells it. */
export type FateRead = {
  readonly call: Call
  readonly transaction_id: string
  readonly status: string
  readonly body: Json
}

export const fateReads = (calls: readonly Call[]): readonly FateRead[] =>
  calls.flatMap(call => {
    const body = bodyOf(call.end)
    const status = textOf(field(body, 'status'))
    if (call.kind !== 'transaction' || body === undefined || status === undefined) return []
    const transaction_id = textOf(field(readObject(call.body), 'transaction_id')) ?? ''
    return [{ call, transaction_id, status, body }]
  })
