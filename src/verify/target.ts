/**
 * Names what verify compares: the projection's table, and the consumer whose acknowledgements say how far the table is.
 */

export const PROJECTION = 'ledger'

export type Target = {
  readonly generation: number
  readonly table: string
  readonly consumer: string
}

/**
 * The table and consumer of a generation. The rule for the names is written a second time here, because verify shares no
 * code with the projector that it checks (docs/adr/0013).
 */
export const targetOf = (base: string, generation: number): Target => {
  const is_first = generation === 1
  return {
    generation,
    table: `${base}-${PROJECTION}${is_first ? '' : `.g${generation}`}`,
    consumer: `${PROJECTION}${is_first ? '' : `-g${generation}`}`,
  }
}
