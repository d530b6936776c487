/** Proofs that signed heads vouch for events, for the query side, which knows nothing of heads. */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { proveInclusions } from '../chain/prove.js'
import { E, pipe, TE } from '../fp.js'
import type { ProveEvents } from '../queries/deps.js'
import { tryStream } from '../stream/errors.js'
import { streamInfo } from '../stream/provision.js'
import { HEAD_STREAM } from '../stream/settings.js'

/** Makes the proofs. A ledger without signed heads has none, and says so for each event. */
export const proveEvents =
  (reader: { readonly nc: NatsConnection; readonly jsm: JetStreamManager }): ProveEvents =>
  seqs =>
    pipe(
      tryStream(`read ${HEAD_STREAM}`, () => proveInclusions(reader, seqs)),
      TE.orElse(error =>
        pipe(
          streamInfo(reader.nc, HEAD_STREAM),
          TE.match(
            ({ tag }) =>
              tag === 'NotFound'
                ? E.right(seqs.map(() => E.left('this ledger has no signed heads')))
                : E.left(error),
            () => E.left(error),
          ),
        ),
      ),
    )
