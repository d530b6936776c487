import { expect, it } from 'vitest'
import { movement, transfer } from '../../../test/support/coordinators.js'

import { selectFree } from './queue.js'
import { group } from './testing/groups.js'

it('a second round takes no group whose customer is in the first round or in an earlier group of the queue', () => {
  const first = [group(movement('credit', 'a', 1))]
  const queue = [
    group(movement('credit', 'b', 1)),
    group(transfer('a', 'c', 1)),
    group(movement('debit', 'c', 1)),
    group(transfer('c', 'd', 1)),
    group(movement('credit', 'd', 1)),
    group(movement('credit', 'b', 1)),
  ]
  expect(selectFree(queue, [first]).map(each => queue.indexOf(each))).toEqual([0, 5])
})
