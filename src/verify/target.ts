/**
 * Names what verify compares: a projection's table, and the consumer whose acknowledgements say how far the table is.
 */

export const PROJECTIONS = ['balances', 'journal', 'totals', 'ranking'] as const
export type Projection = (typeof PROJECTIONS)[number]

export type Target = {
  readonly projection: Projection
  readonly generation: number
  readonly table: string
  readonly consumer: string
}

/**
 * The table and consumer of a projection's generation. The rule for the names is written a second time here, because
 * verify shares no code with the projector that it checks (docs/adr/0013).
 */
export const targetOf = (base: string, projection: Projection, generation: number): Target => {
  const is_first = generation === 1
  return {
    projection,
    generation,
    table: `${base}${projection === 'balances' ? '' : `-${projection}`}${is_first ? '' : `.g${generation}`}`,
    consumer: `${projection}${is_first ? '' : `-g${generation}`}`,
  }
}
