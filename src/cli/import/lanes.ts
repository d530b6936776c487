/**
 * Divides rows into lanes that can be sent at the same time. The rows of one customer are all in one lane, in the order of the
 * file: a debit after a credit must not come before it, because a refusal is final.
 */

type HasCustomers = { readonly customers: readonly string[] }

/** The number of the set that `one` is in. Sets are trees; `parents` has the parent of each number. */
const rootOf = (parents: number[], one: number): number => {
  let root = one
  for (let parent = parents[root]; parent !== undefined && parent !== root; parent = parents[root]) {
    // half of the way is made shorter for the next time
    parents[root] = parents[parent] ?? parent
    root = parent
  }
  return root
}

/** The set of customers that each row belongs to: rows that share a customer, directly or by other rows, share a set. */
const setsOf = (rows: readonly HasCustomers[]): number[] => {
  const parents: number[] = []
  const numbers = new Map<string, number>()
  const numberOf = (customer: string): number => {
    const known = numbers.get(customer)
    if (known !== undefined) return known
    numbers.set(customer, parents.length)
    parents.push(parents.length)
    return parents.length - 1
  }
  const firsts = rows.map(({ customers }) => {
    const [first = 0, ...others] = customers.map(numberOf)
    for (const other of others) parents[rootOf(parents, other)] = rootOf(parents, first)
    return first
  })
  return firsts.map(first => rootOf(parents, first))
}

/** At most `lanes_max` lanes, about equally long as far as the customers allow it. */
export const lanesOf = <Row extends HasCustomers>(rows: readonly Row[], lanes_max: number): Row[][] => {
  const sets = setsOf(rows)
  const sizes = new Map<number, number>()
  for (const set of sets) sizes.set(set, (sizes.get(set) ?? 0) + 1)
  const lanes = Array.from({ length: lanes_max }, () => ({ size: 0, rows: [] as Row[] }))
  const lane_of = new Map<number, Row[]>()
  for (const [set, size] of [...sizes].sort(([, a], [, b]) => b - a)) {
    const shortest = lanes.reduce((best, lane) => (lane.size < best.size ? lane : best))
    shortest.size += size
    lane_of.set(set, shortest.rows)
  }
  for (const [at, row] of rows.entries()) lane_of.get(sets[at] ?? -1)?.push(row)
  return lanes.flatMap(lane => (lane.rows.length > 0 ? [lane.rows] : []))
}
