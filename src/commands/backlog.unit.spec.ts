import { expect, it } from 'vitest'
import { movement, transfer } from '../../test/support/engines.js'
import type { Command } from '../ledger/command.js'
import type { Ask } from './ask.js'
import { freeOf } from './backlog.js'

const ask = (command: Command): Ask => ({
  commands: [command],
  given: false,
  done: () => undefined,
  open: { remove: () => undefined },
  opened_ms: 0,
  tries: 0,
  may_be_stored: false,
  id_taken: false,
  answered: false,
})

it('a second batch takes nobody whose customer is in the first, or waits before them in the queue', () => {
  const first = [ask(movement('credit', 'a', 1))]
  const queue = [
    ask(movement('credit', 'b', 1)),
    ask(transfer('a', 'c', 1)),
    ask(movement('debit', 'c', 1)),
    ask(transfer('c', 'd', 1)),
    ask(movement('credit', 'd', 1)),
    ask(movement('credit', 'b', 1)),
  ]
  expect(freeOf(queue, [first]).map(each => queue.indexOf(each))).toEqual([0, 5])
})
