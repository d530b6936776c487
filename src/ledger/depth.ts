/**
 * Tests how deep a value is nested, without walking deeper than the limit. An event of schema 1 may hold metadata that is
 * nested too deep for the stack of any recursive function, `JSON.stringify` included.
 */

/** Whether objects and lists lie in each other more than `levels_max` times; `value` itself is the first level. */
export const isDeeperThan = (value: unknown, levels_max: number): boolean => {
  if (typeof value !== 'object' || value === null) return false
  if (levels_max === 0) return true
  for (const inner of Object.values(value)) if (isDeeperThan(inner, levels_max - 1)) return true
  return false
}
