/**
 * Credits for calls of an AI model: the most that a call can cost is set aside before it, and what it did cost is taken after it.
 *
 * A check of the balance before the call and a debit after it would not do: two calls at once would both pass the check, and
 * the balance would not cover the second debit. A hold is the check and the reservation in one.
 */

import { openLedger, Refused } from './ledger.mjs'

const CALL_S_MAX = 600
const CREDITS_PER_CALL_MAX = 300
const ledger = await openLedger()

/** Stands for the model: how many credits a prompt uses. One that fails throws. */
const model = async prompt => {
  if (prompt === '') throw new Error('the model did not answer')
  return prompt.length * 10
}

/** Sets the most aside that a call can cost. If the program dies after that, the hold ends by itself. */
const reserve = (client_id, call) =>
  ledger.ask('hold', {
    client_id,
    amount: CREDITS_PER_CALL_MAX,
    expires_in: CALL_S_MAX,
    transaction_id: call,
  })

/** Calls the model, and pays what it used. A call that fails costs nothing. */
const run = async (client_id, call, prompt) => {
  let used
  try {
    used = await model(prompt)
  } catch (error) {
    await ledger.ask('release', { client_id, hold: call, transaction_id: `${call}:failed` })
    return `${error.message}, and costs nothing`
  }
  const { balance } = await ledger.ask('capture', {
    client_id,
    hold: call,
    amount: used,
    transaction_id: `${call}:used`,
  })
  return `used ${used}, ${balance} left`
}

const { balance } = await ledger.ask('credit', {
  client_id: 'bot',
  amount: 500,
  transaction_id: 'ai-package-1',
})
console.log(`bot has ${balance} credits, and a call may use ${CREDITS_PER_CALL_MAX}`)

await reserve('bot', 'ai-call-1')
// the second call begins while the first one is at work: what is left does not cover it
try {
  await reserve('bot', 'ai-call-2')
} catch (error) {
  if (!(error instanceof Refused)) throw error
  console.log(`call 2: ${error.code}, ${error.details.available} available`)
}
console.log(`call 1: ${await run('bot', 'ai-call-1', 'twelve words')}`)

await reserve('bot', 'ai-call-3')
console.log(`call 3: ${await run('bot', 'ai-call-3', '')}`)

await ledger.close()
