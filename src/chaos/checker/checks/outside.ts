/** Checks what lies outside the ledger stream: the table, the dead letters, and the replicas' copies. */

import type { Item } from '../dynamodb.js'
import { customerOf, type Entry } from '../event.js'
import { type Contents, expectedContents, journalOf } from '../expected.js'
import { createFindings, type Finding } from '../findings.js'
import type { Ledger } from '../fold.js'
import type { Observation } from '../observer.js'

const MS_APART_MAX = 1

/** True when two values of an attribute mean the same: clients round the server's time to milliseconds, up or down. */
const isSame = (name: string, is: string | undefined, should_be: string | undefined): boolean => {
  if (is === should_be) return true
  if (name !== 'at' || is === undefined || should_be === undefined) return false
  return Math.abs(Date.parse(is.slice(2)) - Date.parse(should_be.slice(2))) <= MS_APART_MAX
}

/** Says in a clause how an item differs; undefined when it does not. */
const itemDiffers = (is: Item, should_be: Item): string | undefined => {
  const names = [...new Set([...is.keys(), ...should_be.keys()])]
  const name = names.find(one => !isSame(one, is.get(one), should_be.get(one)))
  return name === undefined ? undefined : `${name} is ${is.get(name)}, should be ${should_be.get(name)}`
}

const seqsOf = (...items: readonly (Item | undefined)[]): readonly number[] =>
  items.flatMap(one => {
    const seq = one?.get('seq')
    return seq === undefined ? [] : [Number(seq.slice('N:'.length))]
  })

/** The table holds exactly the items that the fold of the stream gives. */
export const checkTable = (ledger: Ledger, contents: Contents): Finding => {
  const findings = createFindings('tables', 'the table is the fold of the stream')
  const expected = expectedContents(ledger, journalOf(contents))
  for (const id of new Set([...contents.keys(), ...expected.keys()])) {
    const [is, should_be] = [contents.get(id), expected.get(id)]
    findings.look()
    const proof = { seqs: seqsOf(is, should_be) }
    if (is === undefined) findings.violate(`${id} is missing`, proof)
    else if (should_be === undefined) findings.violate(`no event makes ${id}`, proof)
    else {
      const text = itemDiffers(is, should_be)
      if (text !== undefined) findings.violate(`${id}: ${text}`, proof)
    }
  }
  return findings.finding()
}

/** The history's note of the fault that replaces the table by an older one. */
const SETS_BACK = 'tables-set-back begins'

type Note = { readonly at_us: number; readonly text: string }

/**
 * At every moment the table only goes forward, and holds all events that the projection has acknowledged. A table that the
 * run itself set back is not judged until the program fills it from the start again (a new epoch).
 */
export const checkProgress = (observations: readonly Observation[], notes: readonly Note[]): Finding => {
  const findings = createFindings(
    'progress',
    'the table never goes back, and holds what its projection has acknowledged',
  )
  let before: Observation | undefined
  let is_set_back = false
  for (const now of observations) {
    const { epoch, acked_seq, newest_seq, at_us } = now
    const last = before
    before = now
    if (last?.epoch !== epoch) {
      is_set_back = false
      continue
    }
    const may_go_back = notes.some(note => note.text === SETS_BACK && note.at_us < at_us)
    if (newest_seq < last.newest_seq && may_go_back) is_set_back = true
    if (is_set_back) continue
    findings.look()
    const proof = { seqs: [newest_seq, Math.max(acked_seq, last.newest_seq)] }
    if (newest_seq < last.newest_seq)
      findings.violate(`the table went back from ${last.newest_seq} to ${newest_seq}`, proof)
    else if (newest_seq < acked_seq)
      findings.violate(`${acked_seq} was acknowledged while the table was folded up to ${newest_seq}`, proof)
  }
  return findings.finding()
}

const LETTERS = 'customer.dead-letter.'
/** Operators' marks on letters are stored beside the letters. */
const MARK = /\.mark$/

/** Every event without effect has one dead letter with its reason, and no other event has a letter. */
export const checkLetters = (ledger: Ledger, letters: readonly Entry[]): Finding => {
  const findings = createFindings('dead letters', 'exactly the events without effect are dead letters')
  const open = new Map(
    ledger.all
      .filter(({ outcome }) => outcome !== 'applied')
      .map(folded => {
        const { entry } = folded
        return [`${LETTERS}${customerOf(entry.subject) ?? '_'}.${entry.seq}`, folded]
      }),
  )
  for (const { subject, headers, body } of letters) {
    if (MARK.test(subject)) continue
    findings.look()
    const folded = open.get(subject)
    const seq = Number(headers.get('Ledger-Seq') ?? 0)
    if (folded === undefined) {
      findings.violate(`${subject} is no letter of an event without effect, or a second one`, { seqs: [seq] })
      continue
    }
    open.delete(subject)
    const { entry, outcome } = folded
    const is_body_right = body === entry.body || headers.has('Ledger-Body')
    if (headers.get('Ledger-Reason') !== outcome || seq !== entry.seq || !is_body_right)
      findings.violate(
        `${subject} says ${headers.get('Ledger-Reason')} of ${seq}; the fold says ${outcome}`,
        {
          seqs: [entry.seq],
        },
      )
  }
  for (const [subject, { entry, outcome }] of open)
    findings.violate(`event ${entry.seq} has no effect (${outcome}) and no letter at ${subject}`, {
      seqs: [entry.seq],
    })
  return findings.finding()
}

/** A replica's copy of a stream, with a short digest in place of each entry. */
export type CopyDigest = {
  readonly node: string
  readonly stream: string
  readonly digests: ReadonlyMap<number, string>
}

/** All replicas of a stream hold the same entries. */
export const checkCopies = (copies: readonly CopyDigest[]): Finding => {
  const findings = createFindings('copies', "all replicas' copies are equal")
  for (const [stream, own] of groupByStream(copies)) {
    const [first, ...others] = own
    if (first === undefined) continue
    for (const other of others)
      for (const seq of new Set([...first.digests.keys(), ...other.digests.keys()])) {
        findings.look()
        if (first.digests.get(seq) !== other.digests.get(seq))
          findings.violate(`${stream}: ${first.node} and ${other.node} differ at ${seq}`, { seqs: [seq] })
      }
  }
  return findings.finding()
}

const groupByStream = (copies: readonly CopyDigest[]): ReadonlyMap<string, readonly CopyDigest[]> => {
  const streams = [...new Set(copies.map(({ stream }) => stream))]
  return new Map(streams.map(stream => [stream, copies.filter(copy => copy.stream === stream)]))
}
