/** The checks of the table, of dead letters and of copies find differences that were planted. */

import { describe, expect, it } from 'vitest'
import type { Item } from '../dynamodb.js'
import type { Entry } from '../event.js'
import { type Contents, expectedContents, normalized } from '../expected.js'
import { foldAll } from '../fold.js'
import type { Observation } from '../observer.js'
import { fullRun } from '../testing/full-run.js'
import { BEGIN_NS, entryOf, goodRun, goodRunWithHold } from '../testing/run.js'
import { type CopyDigest, checkCopies, checkLetters, checkProgress, checkTable } from './outside.js'

const ledger = foldAll(goodRun().entries)

const item = (fields: Readonly<Record<string, string>>): Item => new Map(Object.entries(fields))
const tableOf = (...items: readonly Item[]): ReadonlyMap<string, Item> =>
  new Map(items.map(one => [one.get('id')?.slice(2) ?? '', one]))
const changed = (contents: Contents, change: (items: Map<string, Item>) => void): Contents => {
  const items = new Map(contents)
  change(items)
  return items
}
/** The ids whose first character is one of `first`. */
const idsOf = (contents: Contents, first: string): readonly string[] =>
  [...contents.keys()].filter(id => first.includes(id.charAt(0))).toSorted()

describe('the contents that the stream gives', () => {
  const contents = expectedContents(ledger)
  const at = new Date(Number(BEGIN_NS / 1_000_000n) + 42).toISOString()

  it('have a head for each account, and nothing but heads, rows, sums and the identity', () => {
    expect([...contents.keys()].filter(id => !'#@='.includes(id.charAt(0)))).toEqual([
      'a',
      'b',
      'table identity',
    ])
    expect(contents.get('a')).toEqual(
      item({ id: 'S:a', client_balance: 'N:61', version: 'N:3', seq: 'N:7', shard: 'S:4' }),
    )
    expect(contents.get('b')).toEqual(
      item({ id: 'S:b', client_balance: 'N:47', version: 'N:2', seq: 'N:6', shard: 'S:5' }),
    )
  })

  it('say in a head what is held and when that expires, and in its shard the asset', () => {
    const { entries } = goodRunWithHold()
    // without what is captured of the hold later
    const open = expectedContents(foldAll(entries.slice(0, 10))).get('h')
    const expires_ms = Number(BEGIN_NS / 1_000_000n) + 220 + 60_000
    expect(open?.get('held')).toBe('N:30')
    expect(open?.get('expires_ms')).toBe(`N:${expires_ms}`)
    const ended = expectedContents(foldAll(entries)).get('h')
    expect([ended?.get('held'), ended?.get('expires_ms')]).toEqual([undefined, undefined])
    const contents_of_assets = expectedContents(foldAll(fullRun().entries))
    expect(contents_of_assets.get('r/EUR')?.get('shard')).toMatch(/^S:EUR:[0-7]$/)
    expect(idsOf(contents_of_assets, '=').filter(id => id.includes('EUR'))).toHaveLength(2)
  })

  it('have a row for each event that counts', () => {
    expect(idsOf(contents, '#@')).toEqual(
      ['#id-k1', '#id-k2', '#id-k4', '#id-k4:credit', '#id-k8', '@6'].toSorted(),
    )
    expect(contents.get('#id-k4')).toEqual(
      item({
        ...{ id: 'S:#id-k4', client_id: 'S:a', seq: 'N:3', type: 'S:debit', amount: 'N:40' },
        ...{ balance: 'N:60', version: 'N:2', previous_seq: 'N:2', at: `S:${at}` },
        ...{ transaction_id: 'S:id-k4', counterparty: 'S:b', reference: 'S:k4' },
      }),
    )
    expect(contents.get('#id-k2')?.get('declined')).toBe(
      'S:{"command":"debit","code":"INSUFFICIENT_FUNDS","client_id":"a","balance":"100"}',
    )
  })

  it('name a row by its sequence when an earlier row has its transaction id, whatever that looks like', () => {
    const entries = [1, 2].map(seq =>
      entryOf(seq, seq, 'a', { schema: 1, type: 'credit', amount: seq, transaction_id: '=all:0' }),
    )
    const twice = expectedContents(foldAll(entries))
    expect(idsOf(twice, '#@')).toEqual(['#=all:0', '@2'])
    expect(twice.get('@2')?.get('transaction_id')).toBe('S:=all:0')
  })

  it('have the sums, whose parts are added up', () => {
    const all = { id: 'S:=all', customers: 'N:2', balance: 'N:108', credits: 'N:4', credited: 'N:148' }
    expect(idsOf(contents, '=')).toEqual(['=all', `=day:${at.slice(0, 10)}`])
    expect(contents.get('=all')).toEqual(item({ ...all, debits: 'N:1', debited: 'N:40', declined: 'N:1' }))
    const parts = tableOf(
      item({ id: 'S:=all:0', customers: 'N:1', balance: 'N:-40', credits: 'N:0' }),
      item({ id: 'S:=all:5', customers: 'N:1', balance: 'N:50', declined: 'N:0' }),
    )
    expect(normalized(parts)).toEqual(tableOf(item({ id: 'S:=all', customers: 'N:2', balance: 'N:10' })))
  })

  it('have of the identity only its doubt', () => {
    const identity = { id: 'S:table identity', epoch: 'S:x' }
    expect(normalized(tableOf(item(identity)))).toEqual(tableOf(item({ id: identity.id })))
    const in_doubt = tableOf(item({ ...identity, sums_doubt: 'S:why' }))
    expect(normalized(in_doubt)).toEqual(tableOf(item({ id: identity.id, sums_doubt: 'S:why' })))
  })
})

describe('the check of the table', () => {
  const good = expectedContents(ledger)
  const violationsOf = (contents: Contents) => checkTable(ledger, contents).result.violations

  it('passes what the stream gives, and times that are rounded otherwise', () => {
    const row = good.get('#id-k1') ?? new Map()
    const later = new Date(Date.parse(row.get('at')?.slice(2) ?? '') + 1).toISOString()
    expect(violationsOf(good)).toBe(0)
    expect(checkTable(ledger, good).result.cases).toBeGreaterThan(10)
    expect(
      violationsOf(changed(good, items => items.set('#id-k1', new Map(row).set('at', `S:${later}`)))),
    ).toBe(0)
  })

  it('knows by its identity that a table has rows of savepoints only, under their sequences', () => {
    const { entries } = fullRun()
    const full = foldAll(entries)
    const saved = expectedContents(full, 'S:savepoints')
    const violations = (contents: Contents) => checkTable(full, contents).result.violations
    const [row = ''] = idsOf(saved, '#@')
    expect(
      idsOf(saved, '#@').every(id => saved.get(id)?.get('type') === 'S:declined' && id.startsWith('@')),
    ).toBe(true)
    expect(violations(saved)).toBe(0)
    expect(violations(changed(saved, items => items.delete(row)))).toBe(1)
    expect(violations(changed(saved, items => items.set('@1', item({ id: 'S:@1' }))))).toBe(1)
    expect(
      violations(changed(saved, items => items.set('table identity', item({ id: 'S:table identity' })))),
    ).toBeGreaterThan(1)
  })

  const altered = (id: string, name: string, value: string) => (items: Map<string, Item>) =>
    items.set(id, new Map(items.get(id)).set(name, value))

  it.each<[string, (items: Map<string, Item>) => void]>([
    ['a head that is missing', items => items.delete('a')],
    ['a head of nobody', items => items.set('c', item({ id: 'S:c' }))],
    ['another balance', altered('a', 'client_balance', 'N:62')],
    ['another kind of number', altered('a', 'client_balance', 'S:61')],
    ['another shard', altered('a', 'shard', 'S:5')],
    ['a head that is among the rows of a customer', altered('a', 'client_id', 'S:a')],
    ['a row that is missing', items => items.delete('#id-k4:credit')],
    ['a row of no event', items => items.set('@9', item({ id: 'S:@9' }))],
    ['another order', altered('#id-k4', 'previous_seq', 'N:1')],
    ['a sum that is too high', altered('=all', 'credits', 'N:5')],
    ['an identity that is missing', items => items.delete('table identity')],
    ['sums that are in doubt', altered('table identity', 'sums_doubt', 'S:why')],
  ])('sees %s', (_, change) => {
    expect(violationsOf(changed(good, change))).toBe(1)
  })
})

describe('the check of the dead letters', () => {
  const letter = (seq: number, reason: string, body: string): Entry => ({
    ...{ seq, subject: `customer.dead-letter.b.${seq}`, time_ns: BEGIN_NS, body },
    headers: new Map([
      ['Ledger-Seq', String(seq)],
      ['Ledger-Reason', reason],
    ]),
  })
  const entries = goodRun().entries
  const bad = letter(5, 'MALFORMED', entries[4]?.body ?? '')
  const overdraw = letter(8, 'INSUFFICIENT_FUNDS', entries[7]?.body ?? '')
  const violationsOf = (...letters: readonly Entry[]) => checkLetters(ledger, letters).result.violations

  it('passes one for each event without effect, and what people noted about it', () => {
    expect(violationsOf(bad, overdraw, { ...bad, subject: `${bad.subject}.mark` })).toBe(0)
    expect(checkLetters(ledger, [bad, overdraw]).result.cases).toBe(2)
  })

  it.each<[string, readonly Entry[]]>([
    ['one that is missing', [bad]],
    ['a second one', [bad, overdraw, overdraw]],
    ['one of an event that counts', [bad, overdraw, letter(7, 'MALFORMED', '')]],
    ['another reason', [bad, letter(8, 'MALFORMED', overdraw.body)]],
    ['another body', [letter(5, 'MALFORMED', 'else'), overdraw]],
  ])('sees %s', (_, letters) => {
    expect(violationsOf(...letters)).toBe(1)
  })
})

describe('the check of progress', () => {
  const seen = (epoch: string, acked_seq: number, newest_seq: number) => ({
    ...{ at_us: 2, epoch, acked_seq, newest_seq },
  })
  const set_back = [{ at_us: 1, text: 'tables-set-back begins' }]

  it.each<[string, readonly Observation[], number]>([
    ['passes a table that is ahead', [seen('a', 1, 1), seen('a', 5, 9), seen('a', 9, 9)], 0],
    ['sees one that is behind', [seen('a', 1, 1), seen('a', 5, 4)], 1],
    ['sees one that goes back', [seen('a', 1, 9), seen('a', 2, 8), seen('a', 2, 9)], 1],
    ['lets a table be that begins again', [seen('a', 5, 5), seen('b', 5, 0)], 0],
  ])('%s', (_, observations, violations) => {
    expect(checkProgress(observations, []).result.violations).toBe(violations)
  })

  it('lets a table be that the run has set back, until it begins again', () => {
    const went_back = [seen('a', 5, 5), seen('a', 5, 3), seen('a', 5, 3)]
    expect(checkProgress(went_back, set_back).result.violations).toBe(0)
    expect(checkProgress(went_back, [{ ...set_back[0], at_us: 3, text: '' }]).result.violations).toBe(2)
    const began_again = [...went_back, seen('b', 0, 0), seen('b', 6, 5)]
    expect(checkProgress(began_again, set_back).result.violations).toBe(1)
  })
})

describe('the check of the copies', () => {
  const copy = (node: string, ...digests: readonly string[]): CopyDigest => ({
    ...{ node, stream: 's' },
    digests: new Map(digests.map((digest, index) => [index + 1, digest])),
  })

  it('passes equal ones, of each stream by itself', () => {
    const other = { ...copy('a', 'z'), stream: 't' }
    const { cases, violations } = checkCopies([copy('a', 'x', 'y'), copy('b', 'x', 'y'), other]).result
    expect([cases, violations]).toEqual([2, 0])
  })

  it.each<[string, CopyDigest]>([
    ['an entry that differs', copy('b', 'x', 'z')],
    ['an entry that is missing', copy('b', 'x')],
    ['an entry too many', copy('b', 'x', 'y', 'z')],
  ])('sees %s', (_, other) => {
    expect(checkCopies([copy('a', 'x', 'y'), other]).result.violations).toBe(1)
  })
})
