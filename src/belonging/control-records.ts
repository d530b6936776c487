/**
 * Finds the small records in the bucket that a person deleted, purged or overwrote by hand, and repairs them.
 *
 * No record is the truth, so each has a default that is safe. A problem names the record and says how to repair it.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { E, pipe, type TaskEither, TE } from '../fp.js'
import { decodePointer, readPointer, setPointer } from '../generations/pointer.js'
import { isJsonObject, readJson } from '../json.js'
import { LEDGER_KEY, putText, readKey, removeKey, SEED_KEY } from '../stream/config-bucket.js'
import type { StreamError } from '../stream/errors.js'
import { decodeRecord } from './ledger-record.js'

/** One record that is not as the program left it. */
export type RecordProblem = { readonly key: string; readonly problem: string; readonly advice: string }

type Kind = {
  /** The problem when the record was deleted; undefined when a person or the program may delete it. */
  readonly deleted?: string
  readonly check: (text: string) => E.Either<string, unknown>
  readonly advice: string
}

const isDone = (text: string): E.Either<string, unknown> =>
  text === 'done' ? E.right(text) : E.left('is not readable')

const isObject = (text: string): E.Either<string, unknown> =>
  pipe(
    readJson(text),
    E.filterOrElse(isJsonObject, () => 'is not readable'),
    E.mapLeft(() => 'is not readable'),
  )

const REPAIR = '"jetledger recover --repair" writes it anew'

const KINDS: Readonly<Record<string, (projection: string) => Kind>> = {
  projection: projection => ({
    deleted: 'was deleted',
    check: decodePointer,
    advice: `the furthest generation of ${projection} is used; ${REPAIR}, or "jetledger replay ${projection}" does`,
  }),
  replay: projection => ({
    check: isObject,
    advice: `nobody is believed to hold the lock; the next "jetledger replay ${projection}" writes it anew`,
  }),
  status: projection => ({
    // a deleted status is no problem: an instance without a status has only not reported yet
    check: isObject,
    advice: `the active instance of ${projection} writes it anew with the next event; "jetledger recover --repair" removes it`,
  }),
}

/** The keys to check, each with its kind. */
const kindsOf = (projections: readonly string[]): readonly (readonly [string, Kind])[] => [
  [
    SEED_KEY,
    { deleted: 'was deleted', check: isDone, advice: `a ledger in use is not seeded again; ${REPAIR}` },
  ],
  [
    LEDGER_KEY,
    {
      deleted: 'was deleted',
      check: decodeRecord,
      advice: 'a process of the ledger writes it anew within seconds',
    },
  ],
  ...Object.entries(KINDS).flatMap(([name, kind]) =>
    projections.map(projection => [`${name}.${projection}`, kind(projection)] as const),
  ),
]

const checkKey = (
  jsm: JetStreamManager,
  key: string,
  kind: Kind,
): TaskEither<StreamError, readonly RecordProblem[]> =>
  pipe(
    readKey(jsm, key),
    TE.map(found => {
      if (found === undefined) return []
      const problem =
        found.text === undefined
          ? kind.deleted
          : pipe(
              kind.check(found.text),
              E.match(
                why => why,
                () => undefined,
              ),
            )
      return problem === undefined ? [] : [{ key, problem, advice: kind.advice }]
    }),
  )

/** Every record that was deleted, emptied or overwritten. A record that was never written is no problem. */
export const recordProblems = (
  jsm: JetStreamManager,
  projections: readonly string[],
): TaskEither<StreamError, readonly RecordProblem[]> =>
  pipe(
    TE.sequenceArray(kindsOf(projections).map(([key, kind]) => checkKey(jsm, key, kind))),
    TE.map(found => found.flat()),
  )

/** A problem as a sentence. */
export const describeProblem = ({ key, problem, advice }: RecordProblem): string =>
  `config/${key} ${problem}: ${advice}`

/** Writes anew, or removes, every record that is not as the program left it. Gives the keys of these records. */
export const repairRecords = (
  { jsm, kv }: { readonly jsm: JetStreamManager; readonly kv: KV },
  projections: readonly string[],
): TaskEither<StreamError, readonly string[]> =>
  pipe(
    recordProblems(jsm, projections),
    TE.chain(problems => TE.sequenceSeqArray(problems.map(({ key }) => repair(jsm, kv, key)))),
  )

const repair = (jsm: JetStreamManager, kv: KV, key: string): TaskEither<StreamError, string> => {
  const [kind, projection = ''] = key.split('.')
  const done: TaskEither<StreamError, unknown> =
    kind === 'projection'
      ? pipe(
          readPointer(jsm, projection),
          TE.chain(({ generation, revision }) =>
            setPointer({ jsm, kv }, projection, { generation }, revision),
          ),
        )
      : key === SEED_KEY
        ? putText(kv, SEED_KEY, 'done')
        : removeKey(kv, key)
  return pipe(
    done,
    TE.map(() => key),
  )
}
