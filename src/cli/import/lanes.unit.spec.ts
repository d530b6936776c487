import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lanesOf } from './lanes.js'

const customer = fc.integer({ min: 0, max: 30 }).map(String)
const row = fc.record({ customers: fc.array(customer, { minLength: 1, maxLength: 2 }) })
const rows = fc.array(row, { maxLength: 60 }).map(all => all.map((one, at) => ({ ...one, at })))

describe('the lanes of rows', () => {
  it('have each row once, in the order of the file, and the rows of one customer in one lane', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 5 }), (all, lanes_max) => {
        const lanes = lanesOf(all, lanes_max)
        expect(lanes.length).toBeLessThanOrEqual(lanes_max)
        expect(lanes.flat().sort((a, b) => a.at - b.at)).toEqual(all)
        const lane_of = new Map<string, number>()
        for (const [number, lane] of lanes.entries()) {
          expect(lane).toEqual(lane.toSorted((a, b) => a.at - b.at))
          for (const { customers } of lane)
            for (const id of customers) {
              expect(lane_of.get(id) ?? number).toBe(number)
              lane_of.set(id, number)
            }
        }
      }),
    )
  })

  it('are equally long where the customers allow it', () => {
    const many = Array.from({ length: 4_000 }, (_, i) => ({ customers: [`c${i % 400}`] }))
    expect(lanesOf(many, 4).map(({ length }) => length)).toEqual([1_000, 1_000, 1_000, 1_000])
    const chained = Array.from({ length: 10 }, (_, i) => ({ customers: [`c${i}`, `c${i + 1}`] }))
    expect(lanesOf(chained, 4)).toEqual([chained])
  })
})
