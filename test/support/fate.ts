/** Disturbs batches of events on their way to the server and back. */

import { errors, type Msg, type NatsConnection, type Payload, type RequestOptions } from 'nats'
import type { CommandDeps } from '../../src/commands/deps.js'

/** Handles the batch's last message, which asks for the acknowledgement; `attempt` counts from 1. */
export type Fate = (attempt: number, forward: () => Promise<Msg>) => Promise<Msg>

/** Throws the client's error for a missing answer. */
export const noAnswer = (): never => {
  throw new errors.TimeoutError()
}

/** Returns `deps` in which `other` handles the requests to some subjects. */
export const withRequest = <D extends CommandDeps>(
  deps: D,
  isMeant: (subject: string) => boolean,
  other: (forward: () => Promise<Msg>) => Promise<Msg>,
): D => {
  const request = (subject: string, payload?: Payload, options?: RequestOptions): Promise<Msg> => {
    const forward = (): Promise<Msg> => deps.nc.request(subject, payload, options)
    return isMeant(subject) ? other(forward) : forward()
  }
  const nc = new Proxy(deps.nc, {
    get: (target, name) => {
      if (name === 'request') return request
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  }) as NatsConnection
  return { ...deps, nc }
}

/** Returns `deps` in which `fate` handles the batches. */
export const withFate = <D extends CommandDeps>(deps: D, fate: Fate): D => {
  let attempts = 0
  return withRequest(
    deps,
    subject => subject.startsWith('customer.balance.'),
    forward => {
      attempts += 1
      return fate(attempts, forward)
    },
  )
}

/** Returns `deps` in which no server answers the request that proves its leadership. */
export const withoutProof = <D extends CommandDeps>(deps: D): D =>
  withRequest(
    deps,
    subject => subject.startsWith('$JS.API.STREAM.INFO.'),
    async () => noAnswer(),
  )

/** The acknowledgement of attempt 1 is lost on its way back: the batch is stored, and its sender does not know. */
export const lostOnTheWayBack: Fate = async (attempt, forward) => {
  const ack = await forward()
  return attempt === 1 ? noAnswer() : ack
}

/** Attempt 1 never reaches the server. */
export const lostOnTheWayThere: Fate = async (attempt, forward) => (attempt === 1 ? noAnswer() : forward())
