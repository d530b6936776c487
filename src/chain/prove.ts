/**
 * Makes the proof that an event is one of those that a signed head vouches for (RFC 6962, 2.1.1), as JSON that
 * `scripts/verify-proof.mjs` checks without NATS, and without this program.
 *
 * The head that first covered the event has all that is needed: its leaves, and the peaks of the head before it.
 */

import type { NatsConnection } from 'nats'
import { E, type Either, run } from '../fp.js'
import { formatInstant } from '../instant.js'
import { leadershipOf, type Proof } from '../stream/leadership.js'
import type { Reader } from '../stream/read.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { readEntries } from './entries.js'
import { type Head, hexOf, type SignedHead } from './head.js'
import { type HeadMessage, headAt, newestMessage } from './head-stream.js'
import { type Entry, hashOf, isHole } from './leaf.js'
import { auditPath, EMPTY_TREE, type Tree } from './tree.js'

/** A proof. Headers and body are in base64; hashes are in hexadecimal. */
export type Inclusion = {
  readonly proof: 1
  readonly event: {
    readonly seq: number
    readonly time: string
    readonly subject: string
    readonly headers: string
    readonly body: string
  }
  readonly path: readonly string[]
  readonly head: SignedHead
}

const headIn = (message: HeadMessage | undefined): Head | undefined =>
  message !== undefined && E.isRight(message.read) ? message.read.right : undefined

/** The newest genuine head at or before `place`, and its place. */
const headBefore = async (
  nc: NatsConnection,
  place: number,
): Promise<{ readonly place: number; readonly head: Head } | undefined> => {
  for (let at = place; at > 0; at -= 1) {
    const head = headIn(await run(headAt(nc, at)))
    if (head !== undefined) return { place: at, head }
  }
  return undefined
}

/** The head that covers an event, and the tree before it. */
type Covering = { readonly head: Head; readonly before: Tree }

/** The first head of the newest line that covers `seq`, and the tree before it; by bisection. Undefined: there is none. */
const coveringHead = async (nc: NatsConnection, seq: number): Promise<Covering | undefined> => {
  const newest = await run(newestMessage(nc))
  const last = newest && (await headBefore(nc, newest.place))
  if (last === undefined || last.head.head.size < seq) return undefined
  const { line } = last.head.head
  let [low, high] = [0, last.place]
  let found = last.head
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const at = await headBefore(nc, middle)
    const is_covered =
      at !== undefined && at.place > low && at.head.head.line === line && at.head.head.size >= seq
    if (is_covered) [high, found] = [at.place, at.head]
    else low = middle
  }
  const previous = await headBefore(nc, high - 1)
  return { head: found, before: previous?.head.head.line === line ? previous.head.tree : EMPTY_TREE }
}

const eventOf = ({ seq, time_ns, subject, headers, body }: Entry): Inclusion['event'] => ({
  seq,
  time: formatInstant(time_ns),
  subject,
  headers: Buffer.from(headers).toString('base64'),
  body: Buffer.from(body).toString('base64'),
})

const covers = ({ head, before }: Covering, seq: number): boolean =>
  seq > before.size && seq <= head.head.size

/** The proof for event `seq` of a stream whose end is proved, by the head that covers it. Left says why there is none. */
const proveBy = async (
  reader: Reader,
  ledger: Proof,
  { head, before }: Covering,
  seq: number,
): Promise<Either<string, Inclusion>> => {
  if (seq > ledger.last_seq) return E.left(`${LEDGER_STREAM} ends before event ${seq}`)
  const entry = (await readEntries(reader, ledger, seq, seq).next()).value?.[0]
  if (entry === undefined || isHole(entry)) return E.left(`${LEDGER_STREAM} has no event ${seq}`)
  const leaf = head.leaves[seq - before.size - 1]
  if (leaf === undefined || before.size + head.leaves.length !== head.head.size)
    return E.left(
      `the heads around event ${seq} do not follow each other ("jetledger verify --chain" says more)`,
    )
  if (!leaf.hash.equals(hashOf(entry)))
    return E.left(
      `event ${seq} of ${LEDGER_STREAM} is not the one that was signed ("jetledger verify --chain" says more)`,
    )
  const path = auditPath(
    seq - 1,
    before,
    head.leaves.map(({ hash }) => hash),
  )
  return E.right({ proof: 1, event: eventOf(entry), path: path.map(hexOf), head: head.head })
}

/**
 * The proofs for a few events, in their order, one after the other: neighbours have the same head, which is looked for once.
 * Left is a sentence that says why there is none for an event. Throws `Failed` when NATS does not answer.
 */
export const proveInclusions = async (
  reader: Reader,
  seqs: readonly number[],
): Promise<readonly Either<string, Inclusion>[]> => {
  const proofs: Either<string, Inclusion>[] = []
  let covering: Covering | undefined
  let ledger: Proof | undefined
  for (const seq of seqs) {
    if (covering === undefined || !covers(covering, seq)) covering = await coveringHead(reader.nc, seq)
    if (covering === undefined) {
      proofs.push(E.left(`no signed head vouches for event ${seq} yet`))
      continue
    }
    // after the head, so that its end is not before the head's
    ledger ??= await run(leadershipOf(reader.nc).prove())
    proofs.push(await proveBy(reader, ledger, covering, seq))
  }
  return proofs
}

/** The proof for one event. */
export const proveInclusion = async (reader: Reader, seq: number): Promise<Either<string, Inclusion>> => {
  const [proof] = await proveInclusions(reader, [seq])
  return proof ?? E.left(`there is no proof for event ${seq}`)
}
