import fc from 'fast-check'
import { headers } from 'nats'
import { describe, expect, it } from 'vitest'
import { createBatchCheck, describePart, type PartOfBatch } from './batches.js'

/**
 * Makes stored messages from a short text: `a1` is the first message of batch a, `a3!` is its third message and commits the
 * batch, and `-` is a message of no batch.
 */
const stored = (text: string, from_seq = 1) =>
  text.split(' ').map((each, i) => {
    const seq = from_seq + i
    const [, batch_id = '', place = '', commit] = /^([a-z])(\d+)(!?)$/.exec(each) ?? []
    if (batch_id === '') return { seq }
    const h = headers()
    h.set('Nats-Batch-Id', batch_id)
    h.set('Nats-Batch-Sequence', place)
    if (commit === '!') h.set('Nats-Batch-Commit', '1')
    return { seq, headers: h }
  })

const checked = (messages: ReturnType<typeof stored>) => {
  const check = createBatchCheck()
  const found: PartOfBatch[] = messages.flatMap(message => check.see(message) ?? [])
  return { found, open: check.open() }
}

const part = (
  batch_id: string,
  from_seq: number,
  to_seq: number,
  lacks: PartOfBatch['lacks'],
): PartOfBatch => ({
  batch_id,
  from_seq,
  to_seq,
  lacks,
})

describe('batches', () => {
  it.each(['-', '- a1! -', 'a1 a2 a3! b1 b2!', 'a1! a1! a1 a2!', '- a1 a2! - b1!'])('are whole: %s', text => {
    expect(checked(stored(text))).toEqual({ found: [], open: undefined })
  })

  it.each([
    ['a1 a2 -', part('a', 1, 2, 'its end')],
    ['a1 b1!', part('a', 1, 1, 'its end')],
    ['- a1 a2 a1 a2 a3!', part('a', 2, 3, 'its end')],
    ['- a2 a3!', part('a', 2, 3, 'its beginning')],
    ['- a3!', part('a', 2, 2, 'its beginning')],
    ['- a2 -', part('a', 2, 2, 'its beginning and its end')],
    ['a1 a3!', part('a', 1, 1, 'its end')],
    ['a1 a2! a3!', part('a', 3, 3, 'its beginning')],
  ])('are not whole: %s', (text, expected) => {
    expect(checked(stored(text)).found[0]).toEqual(expected)
  })

  it('may be on their way at the end', () => {
    expect(checked(stored('- a1 a2'))).toEqual({ found: [], open: part('a', 2, 3, 'its end') })
  })

  it('are not asked for what was before the first message', () => {
    expect(checked(stored('a2 a3! -'))).toEqual({ found: [], open: undefined })
    expect(checked(stored('a2 -', 7)).found).toEqual([part('a', 7, 7, 'its end')])
  })

  it('with a hole in them are not whole', () => {
    const [one, , three] = stored('a1 a2 a2!')
    expect(checked([one, three].flatMap(each => each ?? [])).found[0]).toEqual(part('a', 1, 1, 'its end'))
  })

  it('have an id: an empty one is none', () => {
    const h = headers()
    h.set('Nats-Batch-Id', '')
    h.set('Nats-Batch-Sequence', '5')
    expect(checked([...stored('-'), { seq: 2, headers: h }])).toEqual({ found: [], open: undefined })
  })

  it('of any sizes are whole, and cut anywhere they are not', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1 }), fc.nat(), (sizes, at) => {
        const texts = sizes.flatMap((size, i) =>
          size === 0
            ? ['-']
            : Array.from(
                { length: size },
                (_, k) => `${i % 2 ? 'a' : 'b'}${k + 1}${k + 1 === size ? '!' : ''}`,
              ),
        )
        expect(checked(stored(texts.join(' ')))).toEqual({ found: [], open: undefined })
        const kept = texts.slice(0, (at % texts.length) + 1)
        const is_cut = /\d$/.test(kept.at(-1) ?? '')
        expect(checked(stored(kept.join(' '))).open === undefined).toBe(!is_cut)
        expect(checked(stored([...kept, '-'].join(' '))).found).toHaveLength(is_cut ? 1 : 0)
      }),
    )
  })

  it('are told of with their id and their sequences', () => {
    expect(describePart(part('x', 3, 7, 'its end'))).toBe(
      'sequences 3 to 7 hold a part of the atomic batch x that lacks its end',
    )
    expect(describePart(part('x', 3, 3, 'its beginning'))).toContain('sequence 3 holds')
  })
})
