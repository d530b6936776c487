/**
 * Discovery and monitoring: answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` (ADR-32).
 */

import type { NatsConnection, Subscription } from 'nats'
import type { Logger } from 'pino'
import { controlSubjects, type ServiceIdentity, VERBS, type Verb } from './protocol.js'
import type { Replies } from './replies.js'

/** The reply to each verb, as JSON text. */
export type ControlTexts = Readonly<Record<Verb, () => string>>

/**
 * Subscribes to all nine control subjects, without a queue group, since every instance must answer.
 *
 * @param onFailure called when the server ended a subscription (missing permission)
 */
export const startControl = (
  nc: NatsConnection,
  identity: ServiceIdentity,
  texts: ControlTexts,
  { accept, send }: Replies,
  log: Logger,
  onFailure: (error: Error) => void,
): readonly Subscription[] =>
  VERBS.flatMap(verb =>
    controlSubjects(verb, identity).map(subject =>
      nc.subscribe(subject, {
        callback: (error, msg) => {
          if (error !== null) {
            log.error({ subject, err: error }, 'the server ended a control subscription')
            onFailure(error)
            return
          }
          try {
            if (accept(msg, '$SRV')) send(msg, texts[verb]())
          } catch (err) {
            // an exception in a subscription's callback would end the client's read loop
            log.error({ subject, err }, 'a control request could not be answered')
          }
        },
      }),
    ),
  )
