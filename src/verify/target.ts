/**
 * What is compared: a projection's table, and the consumer that says how far it is.
 */

export const PROJECTIONS = ['balances', 'journal', 'totals', 'ranking'] as const
export type Projection = (typeof PROJECTIONS)[number]

export type Target = {
  readonly projection: Projection
  readonly generation: number
  readonly table: string
  readonly consumer: string
}

/** Written anew here, beside what the projector has: verify shares no code with what it judges (docs/adr/0013). */
export const targetOf = (base: string, projection: Projection, generation: number): Target => {
  const first = generation === 1
  return {
    projection,
    generation,
    table: `${base}${projection === 'balances' ? '' : `-${projection}`}${first ? '' : `.g${generation}`}`,
    consumer: `${projection}${first ? '' : `-g${generation}`}`,
  }
}
