/**
 * Defines the tables of the projections: their names and their indexes. Every table has the key `id`.
 *
 * A projection's tables exist in generations (docs/adr/0016). The first has the bare name, a later one ends in `.g<n>`.
 */

export const PROJECTION_NAMES = ['balances', 'journal', 'totals', 'ranking'] as const
export type ProjectionName = (typeof PROJECTION_NAMES)[number]

export type KeyAttribute = { readonly name: string; readonly type: 'S' | 'N' }

export type IndexDefinition = {
  readonly name: string
  readonly partition: KeyAttribute
  readonly sort: KeyAttribute
  /** The index carries the keys alone: it is asked for customers only. Else it carries whole items. */
  readonly has_keys_only?: true
  /** Tables of earlier programs lack the index, and are used as they are: only what reads it has to do without. */
  readonly may_be_missing?: true
}

export type TableDefinition = {
  /** The suffix after the base name (`DDB_TABLE`). */
  readonly suffix: string
  /** Global secondary indexes. */
  readonly indexes: readonly IndexDefinition[]
}

export const BY_CUSTOMER = 'by-customer'
export const BY_BALANCE = 'by-balance'
export const BY_ID = 'by-id'
export const BY_EXPIRY = 'by-expiry'

export const TABLES: Readonly<Record<ProjectionName, TableDefinition>> = {
  balances: { suffix: '', indexes: [] },
  journal: {
    suffix: '-journal',
    indexes: [
      {
        name: BY_CUSTOMER,
        partition: { name: 'client_id', type: 'S' },
        sort: { name: 'seq', type: 'N' },
      },
    ],
  },
  totals: { suffix: '-totals', indexes: [] },
  ranking: {
    suffix: '-ranking',
    indexes: [
      { name: BY_BALANCE, partition: { name: 'shard', type: 'S' }, sort: { name: 'balance', type: 'N' } },
      { name: BY_ID, partition: { name: 'shard', type: 'S' }, sort: { name: 'id', type: 'S' } },
      // only accounts with open holds have `expires_ms`, so a plain account is not in this index and costs nothing
      {
        name: BY_EXPIRY,
        partition: { name: 'shard', type: 'S' },
        sort: { name: 'expires_ms', type: 'N' },
        has_keys_only: true,
        may_be_missing: true,
      },
    ],
  },
}

/** The name of a projection's table in one of its generations (1, 2, ...). */
export const tableName = (base: string, projection: ProjectionName, generation: number): string =>
  `${base}${TABLES[projection].suffix}${generation === 1 ? '' : `.g${generation}`}`
