/** Parquet is read back by another library, over several row groups. */

import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { expect, it } from 'vitest'
import { parquetOf } from './parquet.js'
import type { EventRow } from './row.js'
import { EVENTS } from './table.js'

const ROWS = 45_000

const rowOf = (seq: number): EventRow => ({
  seq,
  at: '2026-11-27T10:00:00.123Z',
  asset: undefined,
  client_id: seq % 3 === 0 ? undefined : String(seq % 7),
  type: 'credit',
  amount: 9_223_372_036_854_775_807n,
  transaction_id: undefined,
  reference: '=größer',
  counterparty: undefined,
  by: undefined,
  effect: 'applied',
  reason: undefined,
  balance: -5n,
  version: seq,
  metadata: { a: [1], n: 2n ** 60n },
  details: undefined,
})

const written = async (rows: number): Promise<ArrayBuffer> => {
  const parquet = await parquetOf(EVENTS)
  const parts: Uint8Array[] = []
  for (let seq = 1; seq <= rows; seq += 1_000)
    parts.push(
      await parquet.add(Array.from({ length: Math.min(1_000, rows - seq + 1) }, (_, i) => rowOf(seq + i))),
    )
  parts.push(await parquet.end())
  const { buffer, byteOffset, byteLength } = Buffer.concat(parts)
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
}

it('gives every row and value back, whatever the row group', async () => {
  const file = await written(ROWS)
  expect(parquetMetadata(file).row_groups).toHaveLength(3)
  const rows = await parquetReadObjects({ file })
  expect(rows.map(({ seq }) => Number(seq))).toEqual(Array.from({ length: ROWS }, (_, i) => i + 1))
  expect(rows.at(-1)).toEqual({
    seq: 45_000n,
    at: new Date('2026-11-27T10:00:00.123Z'),
    asset: null,
    client_id: null,
    type: 'credit',
    amount: 9_223_372_036_854_775_807n,
    transaction_id: null,
    reference: '=größer',
    counterparty: null,
    by: null,
    effect: 'applied',
    reason: null,
    balance: -5n,
    version: 45_000n,
    metadata: '{"a":[1],"n":"1152921504606846976"}',
    details: null,
  })
})

it('gives a file that can be read when there is no row', async () => {
  const file = await written(0)
  expect(await parquetReadObjects({ file })).toEqual([])
  expect(parquetMetadata(file).schema.map(({ name }) => name)).toContain('balance')
})
