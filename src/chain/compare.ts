/**
 * Compares the entries of the stream with the leaves that were signed, and names each event that is not in its place.
 *
 * Whoever copies a stream and leaves an event out gives every later event another sequence and another time. So a leaf is
 * compared as if the entry had the signed sequence and time: the hash then shows whether it is the same event. Where it is
 * not, the nearest place from which both agree again is looked for.
 */

import type { Ahead } from './ahead.js'
import type { SignedHead } from './head.js'
import { type Entry, hashOf, isHole } from './leaf.js'
import type { SignedLeaf } from './signed.js'

/** One finding. `seq` is the signed sequence, and that of the stream for an added event; `head` is the head that proves it. */
export type Finding =
  /** Another event is in its place. */
  | { readonly kind: 'changed'; readonly seq: number; readonly head: SignedHead }
  | { readonly kind: 'missing'; readonly seq: number; readonly head: SignedHead }
  /** The stream ends before the signed events `seq` to `last_seq`. */
  | { readonly kind: 'cut'; readonly seq: number; readonly last_seq: number; readonly head: SignedHead }
  /** No head vouches for this event, but heads vouch for events after it. */
  | { readonly kind: 'added'; readonly seq: number; readonly head: SignedHead }
  | { readonly kind: 'exchanged'; readonly seq: number; readonly with_seq: number; readonly head: SignedHead }
  | { readonly kind: 'moved'; readonly seq: number; readonly to_seq: number; readonly head: SignedHead }
  /** The events are the same, but have other times: they were stored anew. */
  | { readonly kind: 'time'; readonly seq: number; readonly last_seq: number; readonly head: SignedHead }

/** A finding while the comparison goes on, with what it needs to recognise the event elsewhere. */
type Raw = {
  readonly kind: 'changed' | 'missing' | 'added'
  readonly signed: SignedLeaf
  readonly entry?: Entry
}

/** How far the place from which both agree again is looked for. */
const WINDOW_EVENTS = 1_000
/** The number of findings among which exchanged and moved events are recognised: each is compared with each. */
const PAIRED_MAX = 300

/** Whether an entry is the event that was signed, wherever it is now and whenever it was stored. */
const isSame = ({ seq, leaf }: SignedLeaf, entry: Entry): boolean => {
  if (leaf === undefined) return true
  if (isHole(leaf) !== isHole(entry)) return false
  return hashOf({ ...entry, seq, time_ns: leaf.time_ns }).equals(leaf.hash)
}

type Resync = { readonly signed: number; readonly stored: number }

const ONE_EACH: Resync = { signed: 1, stored: 1 }

/** How many leaves and entries to pass over until both agree again. */
const findAgreement = async (signed: Ahead<SignedLeaf>, stored: Ahead<Entry>): Promise<Resync> => {
  const [first_signed, first_stored] = [await signed.at(0), await stored.at(0)]
  for (let k = 1; k <= WINDOW_EVENTS; k += 1) {
    const [leaf, entry] = [await signed.at(k), await stored.at(k)]
    if (leaf === undefined && entry === undefined) return { signed: k, stored: k }
    if (leaf !== undefined && entry !== undefined && isSame(leaf, entry)) return { signed: k, stored: k }
    if (leaf !== undefined && first_stored !== undefined && isSame(leaf, first_stored))
      return { signed: k, stored: 0 }
    if (first_signed !== undefined && entry !== undefined && isSame(first_signed, entry))
      return { signed: 0, stored: k }
  }
  return ONE_EACH
}

/** Turns two findings about one event into one: an exchanged pair, or an event that was moved. */
const pair = (a: Raw, b: Raw): Finding | undefined => {
  if (a.kind === 'changed' && b.kind === 'changed') {
    const is_pair =
      a.entry !== undefined && b.entry !== undefined && isSame(a.signed, b.entry) && isSame(b.signed, a.entry)
    return is_pair
      ? { kind: 'exchanged', seq: a.signed.seq, with_seq: b.signed.seq, head: a.signed.head }
      : undefined
  }
  const missing = a.kind === 'missing' ? a : b
  const added = a.kind === 'added' ? a : b
  if (missing.kind !== 'missing' || added.kind !== 'added' || added.entry === undefined) return undefined
  if (!isSame(missing.signed, added.entry)) return undefined
  const { seq, head } = missing.signed
  const to_seq = added.entry.seq
  return Math.abs(to_seq - seq) === 1
    ? { kind: 'exchanged', seq: Math.min(seq, to_seq), with_seq: Math.max(seq, to_seq), head }
    : { kind: 'moved', seq, to_seq, head }
}

const single = ({ kind, signed, entry }: Raw): Finding => ({
  kind,
  seq: kind === 'added' && entry !== undefined ? entry.seq : signed.seq,
  head: signed.head,
})

/** Recognises exchanged and moved events among the findings. */
const pairUp = (raws: readonly Raw[]): Finding[] => {
  const paired = new Set<Raw>()
  const findings: Finding[] = []
  for (const [i, a] of raws.entries()) {
    if (paired.has(a)) continue
    const mayPair = i < PAIRED_MAX ? raws.slice(i + 1, PAIRED_MAX) : []
    const b = mayPair.find(one => !paired.has(one) && pair(a, one) !== undefined)
    if (b !== undefined) paired.add(b)
    findings.push((b && pair(a, b)) ?? single(a))
  }
  return findings
}

export type Compared = {
  readonly findings: readonly Finding[]
  /** There are more findings than were asked for: the comparison ended at this sequence. */
  readonly ended_seq?: number
}

type TimeFinding = Finding & { readonly kind: 'time' }

/** One comparison at work. */
class Comparison {
  readonly #signed: Ahead<SignedLeaf>
  readonly #stored: Ahead<Entry>
  readonly #onEntry: (hash: Buffer) => void
  readonly #raws: Raw[] = []
  readonly #times: TimeFinding[] = []

  constructor(signed: Ahead<SignedLeaf>, stored: Ahead<Entry>, onEntry: (hash: Buffer) => void) {
    this.#signed = signed
    this.#stored = stored
    this.#onEntry = onEntry
  }

  async run(findings_max: number): Promise<Compared> {
    for (;;) {
      const leaf = await this.#signed.at(0)
      if (leaf === undefined) return { findings: this.#findings() }
      if (this.#raws.length + this.#times.length >= findings_max)
        return { findings: this.#findings(), ended_seq: leaf.seq }
      const entry = await this.#stored.at(0)
      if (entry === undefined) return { findings: [...this.#findings(), await this.#cutAt(leaf)] }
      await this.#compare(leaf, entry)
    }
  }

  async #compare(leaf: SignedLeaf, entry: Entry): Promise<void> {
    const hash = hashOf(entry)
    const is_exact = leaf.leaf === undefined || hash.equals(leaf.leaf.hash)
    if (is_exact || isSame(leaf, entry)) {
      if (!is_exact && leaf.leaf?.time_ns !== entry.time_ns) this.#noteTime(leaf)
      this.#signed.take()
      this.#takeStored(hash)
      return
    }
    const is_removed = isHole(entry) && entry.seq === leaf.seq
    const { signed, stored } = is_removed ? ONE_EACH : await findAgreement(this.#signed, this.#stored)
    await this.#passOver(Math.min(signed, stored), signed, stored)
  }

  #noteTime({ seq, head }: SignedLeaf): void {
    const last = this.#times.at(-1)
    if (last?.last_seq === seq - 1) this.#times[this.#times.length - 1] = { ...last, last_seq: seq }
    else this.#times.push({ kind: 'time', seq, last_seq: seq, head })
  }

  #takeStored(hash: Buffer): void {
    this.#onEntry(hash)
    this.#stored.take()
  }

  /** Passes over leaves and entries that do not agree: `both` of each that are in each other's place, then the others. */
  async #passOver(both: number, leaves: number, entries: number): Promise<void> {
    for (let k = 0; k < both; k += 1) await this.#passOne(true, true)
    for (let k = both; k < leaves; k += 1) await this.#passOne(true, false)
    for (let k = both; k < entries; k += 1) await this.#passOne(false, true)
  }

  async #passOne(has_leaf: boolean, has_entry: boolean): Promise<void> {
    const signed = await this.#signed.at(0)
    const entry = has_entry ? await this.#stored.at(0) : undefined
    if (signed === undefined) return
    if (entry !== undefined && !isHole(entry))
      this.#raws.push({ kind: has_leaf ? 'changed' : 'added', signed, entry })
    else if (has_leaf) this.#raws.push({ kind: 'missing', signed })
    if (has_leaf) this.#signed.take()
    if (entry !== undefined) this.#takeStored(hashOf(entry))
  }

  /** Reads the leaves to their end, for a stream that ends before `first`. */
  async #cutAt(first: SignedLeaf): Promise<Finding> {
    let last = first
    for (let leaf: SignedLeaf | undefined = first; leaf !== undefined; leaf = await this.#signed.at(0)) {
      last = leaf
      this.#signed.take()
    }
    return { kind: 'cut', seq: first.seq, last_seq: last.seq, head: last.head }
  }

  #findings(): Finding[] {
    return [...pairUp(this.#raws), ...this.#times]
  }
}

/**
 * Compares a line's leaves with the stream. It ends after `findings_max` findings; `onEntry` gets the hash of every entry
 * that was passed, in stream order.
 */
export const compareLine = (
  signed: Ahead<SignedLeaf>,
  stored: Ahead<Entry>,
  findings_max: number,
  onEntry: (hash: Buffer) => void,
): Promise<Compared> => new Comparison(signed, stored, onEntry).run(findings_max)
