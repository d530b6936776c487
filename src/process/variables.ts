/**
 * Finds misspelt environment variables. Without this check a misspelt variable would be ignored silently, and the
 * process would run with a default.
 */

const PREFIX = 'JETLEDGER_'

/** A name that differs from a known one in at most this many characters is misspelt, even without the prefix. */
const TYPING_ERRORS_MAX = 2
/** For a name with the prefix that differs in more characters than this, the message suggests no variable. */
const SUGGESTION_DISTANCE_MAX = 8

/**
 * Kubernetes sets variables in every container that are named after the services of its namespace: services with the
 * names `jetledger` and `jetledger-gateway` make JETLEDGER_SERVICE_HOST and JETLEDGER_GATEWAY_PORT_8080_TCP.
 */
const OF_KUBERNETES = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/
const PORT_OF_KUBERNETES = /^(tcp|udp|sctp):\/\//

const isOfKubernetes = (name: string, value: string): boolean =>
  OF_KUBERNETES.test(name) || (name.endsWith('_PORT') && PORT_OF_KUBERNETES.test(value))

/** Levenshtein's distance: the number of characters that have to be inserted, removed or changed. */
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

/** Longer names are not compared: they are much longer than every known name, and comparing them would be slow. */
const NAME_CHARS_MAX = 64

/** One clause for each variable of `env` that is a misspelt name from `own`, with the name that was probably meant. */
export const misspeltVariables = (
  env: Readonly<Record<string, string | undefined>>,
  own: readonly string[],
): readonly string[] => {
  const prefixed = own.filter(name => name.startsWith(PREFIX))
  return Object.entries(env).flatMap(([name, value = '']) => {
    // an empty variable counts as not set
    if (value === '' || name.length > NAME_CHARS_MAX) return []
    if (own.includes(name) || isOfKubernetes(name, value)) return []
    const near = nearest(name, prefixed)
    const apart = near?.apart ?? Number.POSITIVE_INFINITY
    if (!name.toUpperCase().startsWith(PREFIX) && apart > TYPING_ERRORS_MAX) return []
    const meant = apart > SUGGESTION_DISTANCE_MAX ? '' : ` (did you mean ${near?.name}?)`
    return [`${name}: is no variable of jetledger${meant}`]
  })
}
