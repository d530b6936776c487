import { expect, it } from 'vitest'
import { Failed } from '../fp.js'
import { Failure } from '../process/failure.js'
import { ReplayLocked } from '../projections/rebuild/lock.js'
import { ReplayError } from '../projections/rebuild/replay-error.js'
import { asFailure } from './replay-failure.js'

const running = new AbortController().signal

it.each([
  new Failed({ tag: 'TryAgain', message: 'no answer' }),
  new ReplayError('the table differs'),
  new ReplayLocked('another replay is at work'),
])('an error that is to be expected is one sentence: $message', error => {
  const failure = asFailure(error, running)
  expect(failure).toBeInstanceOf(Failure)
  expect(failure).toMatchObject({ message: error.message, cause: error })
})

it.each([new TypeError('undefined is not a function'), new Error('from a library'), 'a text'])(
  'a bug stays as it is, so that its stack trace is printed: %s',
  thrown => {
    expect(asFailure(thrown, running)).toBe(thrown)
  },
)

it('a replay that a person stopped says how it goes on, whatever ended it', () => {
  expect(asFailure(new TypeError('aborted'), AbortSignal.abort())).toMatchObject({
    name: 'Failure',
    message: expect.stringContaining('goes on from the last checkpoint'),
  })
})
