/**
 * How much a caller may send: requests per second for every caller, and for a token with limits of its own also per day.
 *
 * A batch counts as one request, unless its token has limits of its own: then it counts as its commands. Every process
 * counts for itself, and from its own start.
 */

import { type Problem, problem } from './problem.js'
import type { RateLimit } from './rate-limit.js'
import type { AuthorizedCaller } from './tokens.js'

export type CallerLimits = {
  /** Takes one request of a caller; gives the problem of a caller who has none left. */
  readonly take: (caller: AuthorizedCaller) => Problem | undefined
  /** Takes one request of a caller who is not known. */
  readonly takeFrom: (address: string) => Problem | undefined
  /** Takes the further commands of a request that was taken; gives the problem if they are more than the day allows. */
  readonly takeCommands: (caller: AuthorizedCaller, commands: number) => Problem | undefined
}

const DAY_MS = 86_400_000

/** The requests of the current day, by caller. Only tokens with a limit are counted, and their file bounds them. */
type Day = { readonly day: number; readonly used: Map<string, number> }

const limited = (wait_ms: number, detail?: string): Problem =>
  problem('RATE_LIMITED', detail, { headers: { 'retry-after': String(Math.ceil(wait_ms / 1_000)) } })

/** `now_ms` is the time of day, by which the days (of UTC) change. */
export const createCallerLimits = (
  rate: RateLimit | undefined,
  now_ms: () => number = Date.now,
): CallerLimits => {
  let today: Day = { day: 0, used: new Map() }

  const takeOfDay = ({ by, requests_per_day }: AuthorizedCaller, requests: number): Problem | undefined => {
    if (requests_per_day === undefined) return undefined
    const now = now_ms()
    const day = Math.floor(now / DAY_MS)
    if (day !== today.day) today = { day, used: new Map() }
    const used = (today.used.get(by) ?? 0) + requests
    if (used > requests_per_day)
      return limited(
        (day + 1) * DAY_MS - now,
        `the ${requests_per_day} requests of this token's day are used up`,
      )
    today.used.set(by, used)
    return undefined
  }

  const takeOfSecond = (caller: string, per_second?: number): Problem | undefined => {
    const wait_ms = rate?.take(caller, undefined, per_second) ?? 0
    return wait_ms > 0 ? limited(wait_ms) : undefined
  }

  return {
    take: caller => takeOfSecond(caller.by, caller.requests_per_second) ?? takeOfDay(caller, 1),
    takeFrom: address => takeOfSecond(`address ${address}`),
    takeCommands: (caller, commands) => {
      const { by, requests_per_second } = caller
      if (requests_per_second !== undefined) rate?.charge(by, commands, requests_per_second)
      return takeOfDay(caller, commands)
    },
  }
}
