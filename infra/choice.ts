/**
 * Decodes the choice of a stage and of a NATS from the command line.
 */

import { E, pipe, t } from '../src/fp.js'
import { NATS_CHOICES, type NatsChoice, STAGES, type Stage } from './config.js'

export type Choice = { readonly stage: Stage; readonly nats: NatsChoice }

const oneOf = <A extends string>(names: readonly A[]) =>
  new t.Type<A, A, unknown>(
    names.join(' or '),
    (u): u is A => names.some(name => name === u),
    (u, context) => {
      const found = names.find(name => name === u)
      return found === undefined ? t.failure(u, context) : t.success(found)
    },
    a => a,
  )

const ChoiceCodec = t.type({ stage: oneOf(STAGES), nats: oneOf(NATS_CHOICES) })

/** The decoded choice. Throws one sentence that names the possible values. */
export const decodeChoice = (u: { readonly stage: unknown; readonly nats: unknown }): Choice =>
  pipe(
    ChoiceCodec.decode(u),
    E.getOrElse((): Choice => {
      throw new Error(
        `say --stage ${STAGES.join('|')} and --nats ${NATS_CHOICES.join('|')}; this was ${u.stage} and ${u.nats}`,
      )
    }),
  )
