/**
 * Writes texts as JSON, faster than `JSON.stringify`, for the events of every command.
 */

/** Characters that JSON has to escape, and all that are not ASCII, because half of a surrogate pair has to be escaped too. */
const NOT_PLAIN = /[^ !#-[\]-~]/

/** A text as JSON. Most texts need no escapes, and to check that takes a third of the time of `JSON.stringify`. */
export const quoted = (text: string): string => (NOT_PLAIN.test(text) ? JSON.stringify(text) : `"${text}"`)
