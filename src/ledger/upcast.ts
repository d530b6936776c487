/**
 * Old event schemas become the newest one here, step by step, before anything else looks at them.
 *
 * The step at index 0 takes schema 1 to schema 2, and so on; each is a pure function of the parsed JSON. Every schema
 * version that was ever written keeps a golden file in `golden/`, for ever. An event without `schema` is of schema 1.
 */

export type Json = Readonly<Record<string, unknown>>
export type Upcaster = (event: Json) => Json

/** Schema 1 is the newest: there is nothing to lift yet. */
export const UPCASTERS: readonly Upcaster[] = []

export type Upcast =
  | { readonly tag: 'newest'; readonly event: Json }
  | { readonly tag: 'future'; readonly schema: number }
  | { readonly tag: 'malformed'; readonly reason: string }

/** Lifts an event to the newest schema that `upcasters` lead to. */
export const upcast = (event: Json, upcasters: readonly Upcaster[]): Upcast => {
  const { schema = 1 } = event
  if (typeof schema !== 'number' || !Number.isSafeInteger(schema) || schema < 1) {
    return { tag: 'malformed', reason: 'schema: must be a whole number of at least 1' }
  }
  if (schema > upcasters.length + 1) return { tag: 'future', schema }
  return { tag: 'newest', event: upcasters.slice(schema - 1).reduce((older, step) => step(older), event) }
}
