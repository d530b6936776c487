import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { E } from '../../fp.js'
import { exactFieldsOf } from '../../ledger/codec.js'
import { CURSOR_CHARS_MAX } from '../../page.js'
import { cursorOf, type Filters } from './cursor.js'
import { Whole } from './query-body.js'

const Content = exactFieldsOf({ seq: Whole })
const statement = cursorOf('statement', Content)
const list = cursorOf('list', Content)

const arbitraryFilters: fc.Arbitrary<Filters> = fc.array(fc.option(fc.string(), { nil: undefined }), {
  maxLength: 3,
})

const isRefused = (read: ReturnType<typeof statement.read>): boolean =>
  E.isLeft(read) && read.left.code === 'INVALID_REQUEST' && read.left.body.includes('cursor: must be')

describe('a cursor', () => {
  it('is read with the filters that it was written for', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), arbitraryFilters, (seq, filters) => {
        const cursor = statement.write({ seq }, filters)
        expect(statement.read(cursor, filters)).toEqual(E.right({ seq }))
      }),
    )
  })

  it('is refused with other filters, and by another endpoint', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), arbitraryFilters, arbitraryFilters, (seq, filters, others) => {
        fc.pre(JSON.stringify(filters) !== JSON.stringify(others))
        const cursor = statement.write({ seq }, filters)
        expect(isRefused(statement.read(cursor, others))).toBe(true)
        expect(isRefused(list.read(cursor, filters))).toBe(true)
      }),
    )
  })

  it('is refused when a character of it is missing, added or changed', () => {
    const cursor = statement.write({ seq: 5_512 }, ['678'])
    fc.assert(
      fc.property(
        fc.nat({ max: cursor.length - 1 }),
        fc.constantFrom('', 'A', '=', ' ', '+', '\u0000', 'é'),
        fc.boolean(),
        (at, put, replace) => {
          const changed = cursor.slice(0, at) + put + cursor.slice(replace ? at + 1 : at)
          fc.pre(changed !== cursor)
          expect(isRefused(statement.read(changed, ['678']))).toBe(true)
        },
      ),
    )
  })

  it.each(['', 'e30', 'AAAA', '-'.repeat(CURSOR_CHARS_MAX), 'null', '{"seq":1}'])('is not %j', text => {
    expect(isRefused(statement.read(text, []))).toBe(true)
  })

  it.each([-1, 0.5, 2 ** 53, Number.NaN, 1e300])('is refused with the forged content %d', seq => {
    // the checksum is right, as any reader of the code can make it
    expect(isRefused(statement.read(statement.write({ seq }, []), []))).toBe(true)
  })
})
