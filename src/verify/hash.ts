/**
 * Hashes texts with FNV-1a over their UTF-16 units, and keeps in little memory which row id each event has.
 */

/** The FNV-1a hash of a text: 32 bits, unsigned. */
export const fnv1a = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Keeps the row id of each stream sequence as a hash of 4 bytes: one wrong id in 2^32 is taken for the right one. */
export const createFingerprints = (seq_max: number) => {
  const hashes = new Uint32Array(seq_max + 1)
  // 0 means that the event has no id yet
  const hashOf = (id: string): number => fnv1a(id) || 1
  return {
    set: (seq: number, id: string): void => {
      hashes[seq] = hashOf(id)
    },
    matches: (seq: number, id: string): boolean => hashes[seq] === hashOf(id),
  }
}
