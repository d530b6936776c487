/**
 * The hash of a transaction id: 64 bits, the same ones in every process and for ever, because checkpoints hold them.
 *
 * An id is ASCII, so its text and its bytes in an event have one hash, and the id of an event is hashed where it stands in
 * the body. Two ids with one hash cost a look-up and nothing else: a hash never decides that an id is known.
 */

/** The two halves of the last hash. One object is used again and again, so that a hash allocates nothing. */
export type IdHash = { low: number; high: number }

const SEED_LOW = 0x51ed270b
const SEED_HIGH = 0x2f6b4a31
const STEP_LOW = 0x9e3779b1
const STEP_HIGH = 0x5f356495

/** Mixes the bits of a half, so that each bit of the result depends on each bit of the input. */
const mix = (half: number): number => {
  let bits = Math.imul(half ^ (half >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}

/** The last step. No id has a hash of zeros: in a checkpoint they mark an event without an id. */
const finish = (low: number, high: number, length: number, into: IdHash): IdHash => {
  const mixed_low = mix(low ^ length)
  into.low = (mixed_low ^ mix(high)) >>> 0
  into.high = mix(high + Math.imul(mixed_low, STEP_HIGH)) >>> 0
  if (into.low === 0 && into.high === 0) into.high = 1
  return into
}

/** The hash of an id as a text. */
export const hashText = (id: string, into: IdHash): IdHash => {
  let low = SEED_LOW
  let high = SEED_HIGH
  for (let i = 0; i < id.length; i += 1) {
    const code = id.charCodeAt(i)
    low = Math.imul(low ^ code, STEP_LOW)
    high = Math.imul((high << 5) ^ (high >>> 27) ^ code, STEP_HIGH)
  }
  return finish(low, high, id.length, into)
}

/** The hash of an id whose ASCII bytes stand in `body` from `from` to before `end`. */
export const hashBytes = (body: Uint8Array, from: number, end: number, into: IdHash): IdHash => {
  let low = SEED_LOW
  let high = SEED_HIGH
  for (let i = from; i < end; i += 1) {
    const code = body[i] ?? 0
    low = Math.imul(low ^ code, STEP_LOW)
    high = Math.imul((high << 5) ^ (high >>> 27) ^ code, STEP_HIGH)
  }
  return finish(low, high, end - from, into)
}
