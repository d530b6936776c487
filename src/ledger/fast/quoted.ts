/**
 * Texts as JSON, on the path of every command and event.
 */

/** What a JSON text has to escape, and whatever is not ASCII besides: half a surrogate pair is such a thing. */
const NOT_PLAIN = /[^ !#-[\]-~]/

/** A text as JSON. Most hold nothing that has to be escaped, and to see that takes a third of the time. */
export const quoted = (text: string): string => (NOT_PLAIN.test(text) ? JSON.stringify(text) : `"${text}"`)
