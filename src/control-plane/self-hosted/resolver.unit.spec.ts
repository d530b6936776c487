/** Which of several JWTs counts: servers that were away have older ones. */

import { nkeys } from 'nats'
import { expect, it } from 'vitest'
import { signJwt } from './jwt.js'
import { newestOf } from './resolver.js'

it('the JWT that was issued last counts, and one that cannot be read never before another', () => {
  const [operator, account] = [nkeys.createOperator(), nkeys.createAccount().getPublicKey()]
  const at = (iat_s: number): string =>
    signJwt(operator, { sub: account, name: 'A', type: 'account', nats: {}, iat_s })
  const [older, newer] = [at(1_000), at(1_001)]
  expect([newestOf([older, newer]), newestOf([newer, older]), newestOf(['?', older])]).toEqual([
    newer,
    newer,
    older,
  ])
  expect(newestOf([])).toBeUndefined()
})
