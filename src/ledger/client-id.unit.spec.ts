import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { accountOn, eventSubject } from './account-id.js'
import { ClientId } from './client-id.js'
import { arbitraryClientId } from './testing/arbitrary.js'

describe('client ids', () => {
  it('are found again in their subject', () => {
    fc.assert(
      fc.property(arbitraryClientId, id => {
        expect(accountOn(eventSubject(id))).toEqual(E.right(id))
      }),
    )
  })

  it.each(['1', 'a_b:c@d-e', 'Z'.repeat(64)])('may be %s', id => {
    expect(ClientId.decode(id)).toEqual(E.right(id))
  })

  it.each(['', '_a', '-a', 'a.b', 'a b', 'a*', '>', 'ä', 'a\n', 'Z'.repeat(65), 7, null, undefined])(
    'may not be %j',
    id => {
      expect(E.isLeft(ClientId.decode(id))).toBe(true)
    },
  )

  it.each(['customer.balance', 'customer.balance.', 'customer.balance.a.b', 'customer.balances.a', 'a'])(
    'are not in the subject %s',
    subject => {
      expect(E.isLeft(accountOn(subject))).toBe(true)
    },
  )
})
