import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { apply } from './apply.js'
import { expiryEvents } from './expire.js'
import { clientId } from './testing/arbitrary.js'
import { decodePlain, encodePlain } from './testing/plain.js'
import { at, availableAt, credit, hold, limit, momentAt, restrict, story } from './testing/story.js'

const id = clientId('678')
const moment = (s: number): Date => new Date(momentAt(s))

/** The ids of the holds whose end is told at a time, and the account after that. */
const ended = (account: ReturnType<ReturnType<typeof story>['account']>, s: number) => {
  const legs = expiryEvents(id, account, moment(s))
  return {
    holds: legs.map(({ event }) => (event.type === 'release' && event.expired === true ? event.hold : '?')),
    after: legs.at(-1)?.after ?? account,
    bodies: legs.map(({ event }) => encodePlain(event)),
  }
}

describe('the events that say that holds have expired', () => {
  const threeHolds = () => {
    const { tell, account } = story()
    tell(credit(100), hold('h1', 10, 60), hold('h2', 20, 600), hold('h3', 30, 60))
    return account()
  }

  it('are one for each of them, from the millisecond at which it ends', () => {
    const account = threeHolds()
    expect(ended(account, 59.999).holds).toEqual([])
    const { holds, after } = ended(account, 60)
    expect(holds).toEqual(['h1', 'h3'])
    expect(after).toMatchObject({ balance: 100n, rules: { held: 20n, holds: [{ id: 'h2' }] } })
    expect(ended(after, 60).holds).toEqual([])
  })

  it('leave a plain account where nothing else is left', () => {
    expect(ended(threeHolds(), 600)).toMatchObject({
      holds: ['h1', 'h2', 'h3'],
      after: { balance: 100n, version: 5, seq: 4 },
    })
    expect(ended(threeHolds(), 600).after).not.toHaveProperty('rules')
  })

  it.each(['no_debit', 'no_credit', 'frozen'])('are written for an account that is %s, too', state => {
    const { tell, account } = story()
    tell(credit(100), hold('h1', 10, 60), restrict(state))
    expect(ended(account(), 60)).toMatchObject({ holds: ['h1'], after: { rules: { held: 0n } } })
  })

  it('change nothing that is available at any time from then on', () => {
    const { tell, account } = story()
    tell(credit(100), limit(5), hold('h1', 10, 60), hold('h2', 20, 90), hold('h3', 30, 120))
    for (const told_s of [60, 75, 90, 119.999, 120]) {
      const { after } = ended(account(), told_s)
      for (const s of [told_s, 89.999, 90, 120, 1_000].filter(each => each >= told_s))
        expect(availableAt(after, moment(s).getTime())).toBe(availableAt(account(), moment(s).getTime()))
    }
  })

  it('fold to the account that they claim, whenever they are stored', () => {
    for (const stored_s of [60, 60.5, 100]) {
      const { after, bodies } = ended(threeHolds(), 60)
      let account = threeHolds()
      for (const [i, body] of bodies.entries()) {
        const decoded = decodePlain(new TextEncoder().encode(body))
        if (decoded.tag !== 'event') throw new Error(`the event is ${decoded.tag}`)
        const applied = apply(account, decoded.event, { seq: 5 + i, at: moment(stored_s) })
        if (E.isLeft(applied)) throw new Error(applied.left.code)
        account = applied.right
      }
      expect(account).toEqual({ ...after, seq: 6 })
    }
  })

  it('do not turn the time of an account back', () => {
    const { tell, account } = story()
    tell(credit(100), hold('h1', 10, 60), hold('h2', 20, 600), at(50, limit(1)))
    const { after } = ended(account(), 60)
    expect(after.rules?.time_ms).toBe(moment(60).getTime())
    expect(ended(account(), 40).holds).toEqual([])
  })
})
