/**
 * The schemas of what the routes for operators answer about projections and their replays.
 */

import { COUNT, listOf, object, oneOf, type Schema, SEQ } from './schema.js'

const TEXT: Schema = { type: 'string' }

/** A list of objects whose fields are all texts. */
export const listOfOperations = (...names: readonly string[]): Schema =>
  listOf(object(Object.fromEntries(names.map(name => [name, TEXT]))))

export const REPLAY_STATE = object(
  {
    projection: TEXT,
    state: oneOf('running', 'done', 'failed', 'cancelled'),
    stage: TEXT,
    done: COUNT,
    total: COUNT,
    began_at: TEXT,
  },
  { by: TEXT, generation: COUNT, error: TEXT },
)

export const PROJECTION_STATUS = object(
  { projection: TEXT, generation: COUNT },
  {
    previous: COUNT,
    by: TEXT,
    lag: object({ seq: SEQ, lag_events: COUNT }),
    said: object({ instance: TEXT, at: TEXT }, { last_error: TEXT }),
  },
)
