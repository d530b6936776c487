/**
 * Repeats a request whose answer is late: its server may have died, or be cut off.
 */

import { errors } from 'nats'

/** The time to wait for an answer before the next request, and the largest number of requests. */
export type AskLimits = { readonly ask_ms: number; readonly asks_max: number }

/**
 * Runs `ask`, and runs it again each time that no answer comes within `ask_ms`; the earlier requests stay open. So a
 * request that was lost with a leader delays the answer by little. The first answer counts, and a rejection is an
 * answer too. Rejects with a `TimeoutError` when `asks_max` requests had no answer.
 */
export const askAgain = async <A>({ ask_ms, asks_max }: AskLimits, ask: () => Promise<A>): Promise<A> => {
  const requests: Promise<{ readonly value: A }>[] = []
  for (;;) {
    requests.push(ask().then(value => ({ value })))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>(resolve => {
      timer = setTimeout(() => resolve(undefined), ask_ms)
    })
    const answer = await Promise.race([...requests, late]).finally(() => clearTimeout(timer))
    if (answer !== undefined) return answer.value
    if (requests.length === asks_max) throw new errors.TimeoutError()
  }
}
