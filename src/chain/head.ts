/**
 * A signed head: the size and the root of the tree of events at a moment, signed. Whoever keeps one can later show whether
 * the ledger still holds exactly these events, in this order, with these times.
 *
 * A head in the stream also carries the leaves that it adds to the head before it, so that a changed event can be named,
 * and the peaks of its tree, so that the next head can be made without a look at earlier events. Leaves and peaks need no
 * signature: they have to give the signed root.
 */

import { E, pipe, t } from '../fp.js'
import { readJson } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import { decodeLeaves, encodeLeaves, type Leaf } from './leaf.js'
import { isSigned, type Signer } from './nkey.js'
import { HASH_BYTES, sha256 } from './sha256.js'
import { EMPTY_TREE, grow, peaksOf, rootOf, type Tree } from './tree.js'

/** The largest number of leaves that one head adds: with them it stays below the size limit of a message. */
export const LEAVES_MAX = 1_000
const REASON_CHARS_MAX = 200

/** What is signed. */
export type Statement = {
  /** The number of the line of heads: 1, and one more each time that a person begins anew because the stream changed. */
  readonly line: number
  /** The number of sequences of the ledger stream that the head vouches for: 1 to `size`. */
  readonly size: number
  /** The root of their tree, in hexadecimal. */
  readonly root: string
  /** The time of signing by the clock of the stream's leader, as RFC 3339 in milliseconds. */
  readonly at: string
  /** `idOf` the head before it; empty for the very first head. */
  readonly previous: string
  /** Why a person began this line; only in the first head of a line after the first. */
  readonly reason?: string | undefined
  /** The public nkey that checks the signature. */
  readonly key: string
}

/** A head as it can be kept anywhere. The signature is in base64url. */
export type SignedHead = Statement & { readonly signature: string }

/** A head as it is in the stream. */
export type Head = { readonly head: SignedHead; readonly tree: Tree; readonly leaves: readonly Leaf[] }

const Signed = fieldsOf(
  {
    line: t.number,
    size: t.number,
    root: t.string,
    at: t.string,
    previous: t.string,
    key: t.string,
    signature: t.string,
  },
  { reason: t.string },
)
const Message = fieldsOf({
  schema: t.literal(1),
  head: Signed,
  peaks: t.readonlyArray(t.string),
  leaves: t.string,
})

/** The text that is signed: one line for each field, in this order. */
export const textOf = ({ line, size, root, at, previous, reason, key }: Statement): string =>
  [
    'jetledger signed head 1',
    `line ${line}`,
    `size ${size}`,
    `root ${root}`,
    `at ${at}`,
    `previous ${previous === '' ? '-' : previous}`,
    ...(reason === undefined ? [] : [`reason ${JSON.stringify(reason)}`]),
    `key ${key}`,
    '',
  ].join('\n')

/** The id of a head: the hash of what is signed, in hexadecimal. */
export const idOf = (head: Statement): string => sha256(textOf(head)).toString('hex')

export const hexOf = (hash: Uint8Array): string => Buffer.from(hash).toString('hex')

/** Whether the head's own key signed it. Whose key that is, the caller has to know. */
const isGenuine = (head: SignedHead): boolean =>
  isSigned(head.key, textOf(head), Buffer.from(head.signature, 'base64url'))

const ROOT = /^[0-9a-f]{64}$/
const PREVIOUS = /^([0-9a-f]{64})?$/
const AT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/

const problemOf = (head: SignedHead): string | undefined => {
  const { line, size, root, previous, at, reason = '' } = head
  if (!Number.isSafeInteger(line) || line < 1 || !Number.isSafeInteger(size) || size < 0)
    return 'its line or size is no number of a head'
  if (!ROOT.test(root) || !PREVIOUS.test(previous) || !AT.test(at)) return 'a field has another form'
  if (reason.length > REASON_CHARS_MAX) return 'its reason is too long'
  return isGenuine(head) ? undefined : `its signature is not one of ${head.key}`
}

/** Checks a head by itself: its form and its signature. Left is a clause for a person. */
export const readSignedHead = (u: unknown): E.Either<string, SignedHead> =>
  pipe(
    Signed.decode(u),
    E.mapLeft(() => 'it has not the form of a signed head'),
    E.chain(head => {
      const problem = problemOf(head)
      return problem === undefined ? E.right(head) : E.left(problem)
    }),
  )

const readTree = ({ size, root }: SignedHead, peaks: readonly string[]): E.Either<string, Tree> => {
  const tree: Tree = { size, peaks: peaks.map(peak => Buffer.from(peak, 'base64')) }
  const is_whole =
    tree.peaks.length === peaksOf(size) && tree.peaks.every(({ length }) => length === HASH_BYTES)
  return is_whole && hexOf(rootOf(tree)) === root
    ? E.right(tree)
    : E.left('its peaks do not give the root that it signs')
}

const readLeaves = ({ size }: SignedHead, text: string): E.Either<string, readonly Leaf[]> => {
  const leaves = decodeLeaves(text)
  return leaves !== undefined && leaves.length <= Math.min(size, LEAVES_MAX)
    ? E.right(leaves)
    : E.left('its leaves cannot be read')
}

/** Reads a message of the stream of heads. Left is a clause for a person that says why it is no genuine head. */
export const decodeHead = (body: Uint8Array): E.Either<string, Head> =>
  pipe(
    readJson(body),
    E.chainW(Message.decode),
    E.mapLeft(() => 'it has not the form of a signed head'),
    E.chain(({ head: u, peaks, leaves: text }) =>
      pipe(
        readSignedHead(u),
        E.chain(head =>
          pipe(
            readTree(head, peaks),
            E.chain(tree =>
              pipe(
                readLeaves(head, text),
                E.map((leaves): Head => ({ head, tree, leaves })),
              ),
            ),
          ),
        ),
      ),
    ),
  )

/** The body of a head's message. */
export const encodeHead = ({ head, tree, leaves }: Head): string =>
  JSON.stringify({
    schema: 1,
    head,
    peaks: tree.peaks.map(peak => Buffer.from(peak).toString('base64')),
    leaves: encodeLeaves(leaves),
  })

const signWith = async (
  signer: Signer,
  statement: Omit<Statement, 'key'>,
  tree: Tree,
  leaves: readonly Leaf[],
): Promise<Head> => {
  const named = { ...statement, key: signer.key }
  const signature = await signer.sign(textOf(named))
  return { head: { ...named, signature: Buffer.from(signature).toString('base64url') }, tree, leaves }
}

/** The next head of a line: it adds `leaves` to the head `before`, or begins the first line when there is none. */
export const nextHead = (
  signer: Signer,
  before: Head | undefined,
  leaves: readonly Leaf[],
  at: Date,
): Promise<Head> => {
  const tree = grow(
    before?.tree ?? EMPTY_TREE,
    leaves.map(({ hash }) => hash),
  )
  const statement = {
    line: before?.head.line ?? 1,
    size: tree.size,
    root: hexOf(rootOf(tree)),
    at: at.toISOString(),
    previous: before === undefined ? '' : idOf(before.head),
  }
  return signWith(signer, statement, tree, leaves)
}

/** The head that ends the line of `before`, and begins the next one with an empty tree. */
export const newLine = (signer: Signer, before: Head, reason: string, at: Date): Promise<Head> => {
  const statement = {
    line: before.head.line + 1,
    size: 0,
    root: hexOf(rootOf(EMPTY_TREE)),
    at: at.toISOString(),
    previous: idOf(before.head),
    reason: reason.slice(0, REASON_CHARS_MAX),
  }
  return signWith(signer, statement, EMPTY_TREE, [])
}
