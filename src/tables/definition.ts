/**
 * Defines the table of the projection: its name and its indexes. Its key is `id`, whose first character tells what an item is
 * (docs/adr/0061): an account's head begins with a letter or digit, as every account id does; a row with `#` or `@`
 * (`journal-ids.ts`); a sum with `=` (`totals.ts`).
 *
 * A projection's tables exist in generations (docs/adr/0016). The first has the bare name, a later one ends in `.g<n>`.
 */

export const PROJECTION_NAMES = ['ledger'] as const
export type ProjectionName = (typeof PROJECTION_NAMES)[number]

export type KeyAttribute = { readonly name: string; readonly type: 'S' | 'N' }

export type IndexDefinition = {
  readonly name: string
  readonly partition: KeyAttribute
  readonly sort: KeyAttribute
  /** The index carries the keys alone: it is asked for customers only. Else it carries whole items. */
  readonly has_keys_only?: true
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
  ledger: {
    suffix: '-ledger',
    indexes: [
      // only rows have a `client_id`
      {
        name: BY_CUSTOMER,
        partition: { name: 'client_id', type: 'S' },
        sort: { name: 'seq', type: 'N' },
      },
      // only heads have a `shard`
      {
        name: BY_BALANCE,
        partition: { name: 'shard', type: 'S' },
        sort: { name: 'client_balance', type: 'N' },
      },
      { name: BY_ID, partition: { name: 'shard', type: 'S' }, sort: { name: 'id', type: 'S' } },
      // only accounts with open holds have `expires_ms`, so a plain account is not in this index and costs nothing
      {
        name: BY_EXPIRY,
        partition: { name: 'shard', type: 'S' },
        sort: { name: 'expires_ms', type: 'N' },
        has_keys_only: true,
      },
    ],
  },
}

/** The name of a projection's table in one of its generations (1, 2, ...). */
export const tableName = (base: string, projection: ProjectionName, generation: number): string =>
  `${base}${TABLES[projection].suffix}${generation === 1 ? '' : `.g${generation}`}`
