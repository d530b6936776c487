/**
 * Environment variables that were meant for us and are none of ours: a misspelt one would be left out without a word,
 * and the process would run with a default.
 */

const PREFIX = 'JETLEDGER_'

/** A name that differs from ours in so many characters is a misspelt one, though it may lack the prefix. */
const TYPING_ERRORS_MAX = 2
/** A name within ours that is so far from all of them is told no suggestion. */
const SUGGESTION_DISTANCE_MAX = 8

/**
 * Kubernetes gives every container variables that are named after the services of its namespace: a service with the
 * name `jetledger` or `jetledger-gateway` makes JETLEDGER_SERVICE_HOST or JETLEDGER_GATEWAY_PORT_8080_TCP.
 */
const OF_KUBERNETES = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/
const PORT_OF_KUBERNETES = /^(tcp|udp|sctp):\/\//

const isOfKubernetes = (name: string, value: string): boolean =>
  OF_KUBERNETES.test(name) || (name.endsWith('_PORT') && PORT_OF_KUBERNETES.test(value))

/** Levenshtein's distance: how many characters have to be put in, taken away or changed. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, changed))
    }
    row = next
  }
  return row[b.length] ?? 0
}

type Near = { readonly name: string; readonly apart: number }

const nearest = (name: string, known: readonly string[]): Near | undefined =>
  known
    .map(own => ({ name: own, apart: distance(name.toUpperCase(), own) }))
    .toSorted((a, b) => a.apart - b.apart)[0]

/** A name that is much longer or shorter than all of ours is not worth comparing, and may be of any length. */
const NAME_CHARS_MAX = 64

/** One clause for each variable of `env` that is a misspelt one of `own`, with the one that was probably meant. */
export const misspeltVariables = (
  env: Readonly<Record<string, string | undefined>>,
  own: readonly string[],
): readonly string[] => {
  const prefixed = own.filter(name => name.startsWith(PREFIX))
  return Object.entries(env).flatMap(([name, value = '']) => {
    // an empty variable counts as one that is not set
    if (value === '' || name.length > NAME_CHARS_MAX) return []
    if (own.includes(name) || isOfKubernetes(name, value)) return []
    const near = nearest(name, prefixed)
    const apart = near?.apart ?? Number.POSITIVE_INFINITY
    if (!name.toUpperCase().startsWith(PREFIX) && apart > TYPING_ERRORS_MAX) return []
    const meant = apart > SUGGESTION_DISTANCE_MAX ? '' : ` (did you mean ${near?.name}?)`
    return [`${name}: is no variable of jetledger${meant}`]
  })
}
