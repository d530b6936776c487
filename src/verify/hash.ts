/**
 * FNV-1a over a text's UTF-16 units, and a compact memory of which row id each event has.
 */

/** 32 bits, unsigned. */
export const fnv1a = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Ids by stream sequence, in 4 bytes each: one in 2^32 strangers looks like the right one. */
export const createFingerprints = (seq_max: number) => {
  const hashes = new Uint32Array(seq_max + 1)
  // 0 means that there is none
  const hashOf = (id: string): number => fnv1a(id) || 1
  return {
    set: (seq: number, id: string): void => {
      hashes[seq] = hashOf(id)
    },
    matches: (seq: number, id: string): boolean => hashes[seq] === hashOf(id),
  }
}
