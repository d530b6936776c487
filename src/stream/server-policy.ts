/**
 * Decides which nats-servers may hold a ledger, from the known faults of their versions (docs/adr/0030).
 *
 * A version is refused when, with the stream's settings, it is known to lose acknowledged events. It gets a warning
 * when it loses them only if something else goes wrong too (a full disk, a replica that catches up). A version that
 * cannot be parsed is neither refused nor warned of.
 */

/** The known facts about the servers that hold a stream. */
export type ServerFacts = {
  /** The versions of the servers, in their own words. */
  readonly versions: readonly string[]
  readonly replicas: number
  /** The stream's `compression`, `none` or `s2`. */
  readonly compression: string
}

export type ServerVerdict = {
  /** The reason why these servers must not hold the ledger, and the way out; undefined when they may. */
  readonly refusal?: string
  /** Things that an operator should change although the ledger works. */
  readonly warnings: readonly string[]
}

type Version = { readonly numbers: readonly [number, number, number]; readonly is_release: boolean }

const VERSION = /^v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})(-[0-9A-Za-z.-]+)?(?:\+.*)?$/

const parse = (text: string): Version | undefined => {
  const [, major, minor, patch, candidate] = VERSION.exec(text.trim()) ?? []
  return major === undefined
    ? undefined
    : { numbers: [Number(major), Number(minor), Number(patch)], is_release: candidate === undefined }
}

/** Whether a version is older than a release. A release candidate counts as older than its release. */
const isBefore = (
  { numbers, is_release }: Version,
  ...release: readonly [number, number, number]
): boolean => {
  const at = numbers.findIndex((number, i) => number !== release[i])
  return at === -1 ? !is_release : (numbers[at] ?? 0) < (release[at] ?? 0)
}

const isMinor = ({ numbers }: Version, major: number, minor: number): boolean =>
  numbers[0] === major && numbers[1] === minor

/** The first release without known faults for streams with several replicas, and the oldest one that is acceptable. */
const RECOMMENDED = '2.15.1'
const LEAST = '2.14.3'

const UPGRADE_PAGE = 'docs/upgrade-nats.md'

type Rule = {
  readonly applies: (version: Version, facts: ServerFacts) => boolean
  readonly says: (version: string) => string
}

const isReplicated = ({ replicas }: ServerFacts): boolean => replicas > 1
const isCompressed = ({ compression }: ServerFacts): boolean => compression !== 'none'

const REFUSED: readonly Rule[] = [
  {
    applies: (version, facts) =>
      isReplicated(facts) && isMinor(version, 2, 15) && isBefore(version, 2, 15, 1),
    says: version =>
      `nats-server ${version} can lose acknowledged events of a stream of several replicas: run ${RECOMMENDED} or later on every node (${UPGRADE_PAGE})`,
  },
  {
    applies: (version, facts) => isReplicated(facts) && isCompressed(facts) && isMinor(version, 2, 15),
    says: version =>
      `nats-server ${version} makes replicas of a compressed stream unreadable when it is ended and killed: back the streams up before these servers are ended, and restore them with "compression": "none" (${UPGRADE_PAGE} says how)`,
  },
]

const WARNED: readonly Rule[] = [
  {
    applies: (version, facts) => isReplicated(facts) && isBefore(version, 2, 14, 3),
    says: version =>
      `nats-server ${version} with several replicas can lose a node's state when its disk is full, and let replicas differ: run ${RECOMMENDED} where it can be had, ${LEAST} is the least (${UPGRADE_PAGE})`,
  },
  {
    applies: (version, facts) =>
      isReplicated(facts) && isCompressed(facts) && !isMinor(version, 2, 15) && !isBefore(version, 2, 15, 0),
    says: version =>
      `nobody has shown that nats-server ${version} keeps compressed streams of several replicas, and 2.15 does not: "npm run check-server" tells (${UPGRADE_PAGE})`,
  },
]

const textsOf = (rules: readonly Rule[], facts: ServerFacts): readonly string[] => {
  const texts = new Set<string>()
  for (const text of facts.versions) {
    const version = parse(text)
    if (version === undefined) continue
    for (const { applies, says } of rules) if (applies(version, facts)) texts.add(says(text.trim()))
  }
  return [...texts]
}

/** Judges the servers from their known facts. Never fails. */
export const judgeServers = (facts: ServerFacts): ServerVerdict => {
  const refusals = textsOf(REFUSED, facts)
  const warnings = textsOf(WARNED, facts)
  return refusals.length === 0 ? { warnings } : { refusal: refusals.join('; '), warnings }
}

/**
 * The reason why the compression of a compressed stream must not be switched off; undefined when it may be. The old
 * blocks stay compressed on disk, and nats-server 2.15 makes a replica unreadable when its last Raft snapshot is in
 * one of them. So the whole change has to be made on 2.14.
 */
export const compressionStays = ({ versions, replicas }: ServerFacts): string | undefined => {
  if (replicas === 1) return undefined
  const newer = versions.find(text => {
    const version = parse(text)
    return version === undefined || !isBefore(version, 2, 15, 0) || isMinor(version, 2, 15)
  })
  if (versions.length > 0 && newer === undefined) return undefined
  return `its old blocks stay compressed, and nats-server ${newer ?? 'of an unknown version'} may not survive that: back the stream up, and restore it with "compression": "none" (${UPGRADE_PAGE} says how)`
}
