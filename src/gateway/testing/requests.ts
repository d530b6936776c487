/**
 * One request for each operation over HTTP. The ids exist in the ledger of rest.int.spec.ts: customer 678, the transaction
 * `opening`, the holds `first` and `second`, and the dead letters.
 */

const LETTERS = { retried: 1, discarded: 2 }

type Sent = { readonly method?: 'PUT'; readonly path: string; readonly body?: unknown }

export const REQUESTS: Readonly<Record<string, Sent>> = {
  balance: { path: '/v1/customers/678/balance' },
  account: { path: '/v1/customers/678/account' },
  holds: { path: '/v1/customers/678/holds' },
  statement: { path: '/v1/customers/678/statement' },
  credit: { path: '/v1/customers/678/credits', body: { amount: 1 } },
  debit: { path: '/v1/customers/678/debits', body: { amount: 1 } },
  customers: { path: '/v1/customers' },
  hold: { path: '/v1/customers/678/holds', body: { amount: 1, expires_in: 60 } },
  capture: { path: '/v1/holds/first/captures', body: { client_id: '678' } },
  release: { path: '/v1/holds/second/releases', body: { client_id: '678' } },
  limit: { method: 'PUT', path: '/v1/customers/low/limit', body: { limit: 5 } },
  restrict: { method: 'PUT', path: '/v1/customers/ice/state', body: { state: 'frozen', reason: 'a test' } },
  reverse: { path: '/v1/transactions/opening/reversals', body: { amount: 1 } },
  transfer: { path: '/v1/transfers', body: { from: '678', to: '679', amount: 1 } },
  batch: {
    path: '/v1/batches',
    body: { mode: 'each', commands: [{ type: 'credit', client_id: '678', amount: 1 }] },
  },
  transaction: { path: '/v1/transactions/opening' },
  explain: { path: '/v1/transactions/opening/explain' },
  summary: { path: '/v1/summary' },
  ranking: { path: '/v1/ranking' },
  events: { path: '/v1/events?after_seq=0' },
  operationsStatus: { path: '/v1/operations/status' },
  deadLetters: { path: '/v1/operations/dead-letters' },
  retryDeadLetter: { path: `/v1/operations/dead-letters/${LETTERS.retried}/retry`, body: {} },
  discardDeadLetter: {
    path: `/v1/operations/dead-letters/${LETTERS.discarded}/discard`,
    body: { reason: 'a test' },
  },
  parkedCustomers: { path: '/v1/operations/parked' },
  replayProjection: { path: '/v1/operations/projections/ledger/replay', body: {} },
  cancelReplay: { path: '/v1/operations/projections/ledger/cancel', body: {} },
}
