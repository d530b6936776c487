/**
 * Judges from the answers of one leader after another how long each certainly stays the leader (docs/adr/0029).
 *
 * A leader says in each answer when it last heard each replica. That time alone proves little: it is the time at which
 * a reply *arrived*. After a cut, replies that were on their way for all that time arrive at an old leader, and a reply
 * that tells it of its successor counts as heard for a moment too. Both come after a silence that is long enough for
 * an election. So a replica counts only when the answers show that it was heard again and again without such a
 * silence, and when the leader still led after it had heard it.
 *
 * All times named `_ms` are on the clock of `performance.now()`.
 */

/** What one answer says. */
export type Sighting = {
  /** The time at which the stream was made. */
  readonly created: string
  readonly leader: string
  readonly asked_ms: number
  readonly answered_ms: number
  /** The number of servers that have or are to have the stream, with the leader. */
  readonly members: number
  /** The milliseconds from the time at which each replica was last heard until the answer; never heard ones are left out. */
  readonly heard_ago_ms: ReadonlyMap<string, number>
}

type Heard = {
  /** The first time that it was heard after the last silence. */
  readonly first_ms: number
  readonly newest_ms: number
  /** A time at which it was heard, and when the answer that said so arrived. */
  readonly candidate: { readonly at_ms: number; readonly seen_ms: number }
  /** The last time at which it was heard that the leader outlived as the leader. */
  readonly outlived_ms: number | undefined
}

type Replicas = ReadonlyMap<string, Heard>

/** What each server that answered as the leader of late had heard. */
export type Hearing = {
  readonly created: string
  readonly leaders: ReadonlyMap<string, { readonly answered_ms: number; readonly replicas: Replicas }>
}

export type Lease = {
  /** Before this time no other server can have become the leader; 0: one may be the leader already. */
  readonly leads_until_ms: number
  /** Before this time no other server can take itself for the leader; 0: one may do so already. */
  readonly alone_until_ms: number
}

/** nats-server's `minElectionTimeout` (4 s), less a margin for different clocks and timers of two machines. */
const ELECTION_MS_MIN = 3_500
/**
 * An idle leader sends heartbeats every 1 to 2 s, so a healthy replica is heard as often. A replica that elects another
 * leader was not reached for 4 s, and sent nothing in that time.
 */
const SILENCE_MS_MAX = 3_000
/** The replies that were on their way during a silence arrive within this time after the first of them. */
const LATE_REPLIES_MS = 300
/** A leader that learns from a reply of its successor leads no longer after this time. */
const OUTLIVED_MS = 50

const hearOne = (before: Heard | undefined, ago_ms: number, { asked_ms, answered_ms }: Sighting): Heard => {
  // the leader answered between these two times, so the replica was heard between the two differences
  const earliest_ms = asked_ms - ago_ms
  const latest_ms = answered_ms - ago_ms
  const candidate = { at_ms: earliest_ms, seen_ms: answered_ms }
  if (before === undefined || latest_ms - before.newest_ms > SILENCE_MS_MAX)
    return { first_ms: latest_ms, newest_ms: earliest_ms, candidate, outlived_ms: undefined }
  const heard = { ...before, newest_ms: Math.max(before.newest_ms, earliest_ms) }
  const is_outlived = asked_ms - before.candidate.seen_ms >= OUTLIVED_MS
  return is_outlived ? { ...heard, candidate, outlived_ms: before.candidate.at_ms } : heard
}

const untilOf = ({ first_ms, outlived_ms }: Heard): number =>
  outlived_ms !== undefined && outlived_ms - first_ms >= LATE_REPLIES_MS ? outlived_ms + ELECTION_MS_MIN : 0

/** Adds the next answer. Answers are added in the order in which they were asked for. */
export const hear = (before: Hearing | undefined, sighting: Sighting): Hearing => {
  const { created, leader, answered_ms, heard_ago_ms } = sighting
  // nothing that is older proves anything now
  const of_late = [...(before?.created === created ? before.leaders : [])].filter(
    ([, known]) => answered_ms - known.answered_ms < ELECTION_MS_MIN,
  )
  const leaders = new Map(of_late)
  const known = leaders.get(leader)?.replicas
  const replicas = new Map(
    [...heard_ago_ms].map(([name, ago_ms]) => [name, hearOne(known?.get(name), ago_ms, sighting)]),
  )
  return { created, leaders: leaders.set(leader, { answered_ms, replicas }) }
}

/**
 * A replica that followed another leader and leads now was elected in between, so it leads for as long as if its
 * voters had heard it at that time. This spares the wait after a leader that stepped down.
 */
const followedUntil = ({ leaders }: Hearing, leader: string): number =>
  Math.max(
    0,
    ...[...leaders].map(([other, { replicas }]) => {
      const heard = other === leader ? undefined : replicas.get(leader)
      return heard === undefined ? 0 : untilOf(heard)
    }),
  )

/** How long the leader of the newest answer certainly stays it; `hearing` includes that answer. */
export const leaseOf = (hearing: Hearing, { leader, members, answered_ms }: Sighting): Lease => {
  if (members === 1) {
    const until_ms = answered_ms + ELECTION_MS_MIN
    return { leads_until_ms: until_ms, alone_until_ms: until_ms }
  }
  const replicas = hearing.leaders.get(leader)?.replicas ?? new Map<string, Heard>()
  const until_ms = [...replicas.values()].map(untilOf).sort((a, b) => b - a)
  return {
    // the leader is one of the majority
    leads_until_ms: Math.max(until_ms[Math.floor(members / 2) - 1] ?? 0, followedUntil(hearing, leader)),
    alone_until_ms: until_ms[members - 2] ?? 0,
  }
}

/**
 * Whether the answer alone suggests that its server leads: it heard a majority of late. That proves nothing, but tells
 * a server that is connected with the others from one that is cut off.
 */
export const isConnected = ({ members, heard_ago_ms }: Sighting): boolean =>
  1 + [...heard_ago_ms.values()].filter(ago_ms => ago_ms < ELECTION_MS_MIN).length > members / 2
