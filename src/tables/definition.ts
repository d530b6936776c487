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
}

export type TableDefinition = {
  /** The suffix after the base name (`DDB_TABLE`). */
  readonly suffix: string
  /** Global secondary indexes; each carries the whole item. */
  readonly indexes: readonly IndexDefinition[]
}

export const BY_CUSTOMER = 'by-customer'
export const BY_BALANCE = 'by-balance'
export const BY_ID = 'by-id'

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
    ],
  },
}

/** The name of a projection's table in one of its generations (1, 2, ...). */
export const tableName = (base: string, projection: ProjectionName, generation: number): string =>
  `${base}${TABLES[projection].suffix}${generation === 1 ? '' : `.g${generation}`}`
