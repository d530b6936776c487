/** Withholds acknowledgements on their way to the server, so that handled messages are delivered again, and out of order. */

import type { NatsConnection } from 'nats'

export type Withholding = {
  /** From now on withholds every acknowledgement, or none. */
  readonly withhold: (on: boolean) => void
  readonly withheld: () => number
}

type Publish = (subject: string, ...rest: unknown[]) => unknown

/** Intercepts the acknowledgements of a connection. The client has no hook for that, so a private part of it is replaced. */
export const withholdAcks = (nc: NatsConnection): Withholding => {
  const { protocol } = nc as unknown as { protocol: { publish: Publish } }
  const publish = protocol.publish.bind(protocol)
  let is_on = false
  let withheld = 0
  protocol.publish = (subject, ...rest) => {
    if (!is_on || !subject.startsWith('$JS.ACK.')) return publish(subject, ...rest)
    withheld += 1
    return undefined
  }
  return {
    withhold: on => {
      is_on = on
    },
    withheld: () => withheld,
  }
}
