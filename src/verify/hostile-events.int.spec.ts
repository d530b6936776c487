/**
 * Events that are valid and as unwieldy as can be: the projection stores them, and verify agrees on what it stored.
 */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { publishBatch } from '../stream/publish.js'
import { readItems } from '../tables/heads.js'
import { type ProjectedLedger, startProjectedLedger } from './testing/projected.js'

let ledger: ProjectedLedger

beforeAll(async () => {
  ledger = await startProjectedLedger()
  await ledger.projectAll()
})
afterAll(() => ledger.stop())

const nested = (levels: number): string => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`
const numbers = (count: number): string => `{"a":[${Array.from({ length: count }, () => '1E20').join(',')}]}`

const row = async (seq: number): Promise<Record<string, unknown> | undefined> => {
  const [found] = await right(readItems(ledger.tables, ledger.table_name, [`@${seq}`]))
  return found as Record<string, unknown> | undefined
}

it.each<[string, string, string | undefined]>([
  ['31 levels of metadata', `"metadata":${nested(31)}`, undefined],
  ['32 levels and more of metadata', `"metadata":${nested(32)}`, 'metadata'],
  ['2,300 levels of metadata', `"metadata":${nested(2_300)}`, 'metadata'],
  ['30,000 levels of metadata', `"metadata":${nested(30_000)}`, 'metadata'],
  ['deep objects', `"metadata":${'{"b":'.repeat(9_000)}1${'}'.repeat(9_000)}`, 'metadata'],
  ['numbers that take four times as much', `"metadata":${numbers(12_500)}`, 'metadata'],
  ['as many numbers as fit', `"metadata":${numbers(2_900)}`, undefined],
  ['half a surrogate pair everywhere', '"reference":"\\ud800x","metadata":{"\\udfff":"\\ud83d"}', undefined],
  ['empty names and texts', '"reference":"","metadata":{"":""}', undefined],
  ['a metadata without anything', '"metadata":{}', undefined],
  ['control characters', '"reference":"\\u0000\\u001b\\u007f","metadata":{"\\u0000":"\\u0000"}', undefined],
  ['infinite numbers', '"metadata":{"a":1e400,"b":-0,"c":1e-400}', undefined],
  ['names of prototypes', '"metadata":{"__proto__":{"a":1},"constructor":2,"toString":null}', undefined],
  ['a long reference', `"reference":"${'ü'.repeat(32_000)}"`, undefined],
  ['fields that nobody knows', `"unknown":${nested(20_000).slice(0)}`, undefined],
  ['a deep claim', `"after":${nested(9_000)}`, undefined],
  [
    'a deep answer to a declined command',
    `"declined":{"command":"debit","code":"INSUFFICIENT_FUNDS","client_id":"a","balance":1,"x":${nested(9_000)}}`,
    undefined,
  ],
])('an event with %s is stored, in part where it has to be', async (_, fields, omitted) => {
  const seq = await ledger.emit('unwieldy', `{"type":"credit","amount":1,${fields}}`)
  await ledger.caughtUp()
  expect(await row(seq)).toMatchObject({ seq: BigInt(seq), ...(omitted === undefined ? {} : { omitted }) })
  if (omitted === undefined) expect(await row(seq)).not.toHaveProperty('omitted')
})

it('many events that grow when they are written fit into transactions', async () => {
  const body = `{"type":"credit","amount":1,"reference":"${'x'.repeat(30_000)}","metadata":${numbers(2_900)}}`
  const one = { subject: 'customer.balance.grown', body }
  await right(publishBatch(ledger.nc, Array<typeof one>(100).fill(one), 5_000))
  await ledger.caughtUp()
})

it('a decision is found however its type is written', async () => {
  const seq = await ledger.emit('decided', '{"schema":99}')
  await ledger.emit('decided', `{"schema":2,"type":"s\\u006bip","seq":${seq},"reason":"r","by":"b"}`)
  await ledger.emit('decided', '{"type":"credit","amount":1}')
  await ledger.caughtUp()
})

it('verify finds that all of it is as it should be', async () => {
  const report = await ledger.check()
  expect(report.differences.filter(({ kind }) => kind !== 'after')).toEqual([])
  expect(report.rows_compared).toBeGreaterThan(100)
})
