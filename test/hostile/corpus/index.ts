/** Exports all inputs of the corpus, grouped by the way of sending them. */

export { COMMANDS } from './commands.js'
export { CONTROL, DEPUTIES, DEPUTY } from './deputies.js'
export { EVENT_BODIES, EVENT_CLAIMS } from './event-bodies.js'
export { EVENT_HEADERS } from './event-headers.js'
export { HTTP } from './http.js'
export { PUBLISHED } from './published.js'
export { QUERIES } from './queries.js'
export { HTTP_TIMES, TIMES } from './times.js'
