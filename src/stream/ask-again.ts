/**
 * A question that may have gone to a server that died, or is cut off, is asked again beside the first.
 */

import { errors } from 'nats'

/** How long an answer is waited for before the next question, and how often is asked. */
export type Patience = { readonly ask_ms: number; readonly asks_max: number }

/**
 * Asks again, beside the first question, while there is no answer: a question that was lost with a leader is not waited
 * for any longer than a new one. The first answer counts, and a refusal is one too. Rejects with a time-out at the end.
 */
export const askAgain = async <A>({ ask_ms, asks_max }: Patience, ask: () => Promise<A>): Promise<A> => {
  const asked: Promise<{ readonly value: A }>[] = []
  for (;;) {
    asked.push(ask().then(value => ({ value })))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>(resolve => {
      timer = setTimeout(() => resolve(undefined), ask_ms)
    })
    const answer = await Promise.race([...asked, late]).finally(() => clearTimeout(timer))
    if (answer !== undefined) return answer.value
    if (asked.length === asks_max) throw new errors.TimeoutError()
  }
}
