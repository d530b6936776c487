/** Withholds acknowledgements on their way to the server: what was handled is delivered again, and out of order. */

import type { NatsConnection } from 'nats'

export type Withholding = {
  /** From now on none gets through, or all do. */
  readonly withhold: (on: boolean) => void
  readonly withheld: () => number
}

type Publish = (subject: string, ...rest: unknown[]) => unknown

/** Comes between a connection and the server. The client has no door for that, so it is done to its own part. */
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
