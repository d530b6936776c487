/**
 * Plans the times of the faults from the seed alone, so that a run can be repeated. There is one fault at a time, with a rest
 * after each in which the system becomes well; every fault comes once before one comes twice.
 */

import { createRandom, type Random } from './clients/random.js'
import type { Fault } from './faults/index.js'

/** One turn of a fault. */
export type Slot = {
  readonly fault: string
  /** The time since the start of the schedule. */
  readonly begin_ms: number
  readonly for_ms: number
  /** The seed of the random choices within the fault. */
  readonly seed: number
}

const WARM_UP_MS = 5_000
const REST_MS = [8_000, 12_000] as const
const SEED_MAX = 1_000_000

const shuffled = <A>(random: Random, list: readonly A[]): A[] => {
  const left = [...list]
  return list.map(() => {
    const [picked] = left.splice(random.whole(0, left.length - 1), 1)
    if (picked === undefined) throw new Error('a list has as many entries as it has')
    return picked
  })
}

/** Plans the turns that fit into `duration_ms`, each with the rest after it; at least one turn. */
export const planSchedule = (
  seed: number,
  duration_ms: number,
  faults: readonly Pick<Fault, 'name' | 'for_ms'>[],
): readonly Slot[] => {
  const random = createRandom(seed)
  const slots: Slot[] = []
  let at_ms = WARM_UP_MS
  while (faults.length > 0) {
    for (const { name, for_ms } of shuffled(random, faults)) {
      const slot = {
        fault: name,
        begin_ms: at_ms,
        for_ms: random.whole(...for_ms),
        seed: random.whole(1, SEED_MAX),
      }
      at_ms += slot.for_ms + random.whole(...REST_MS)
      if (slots.length > 0 && at_ms > duration_ms) return slots
      slots.push(slot)
    }
  }
  return slots
}
