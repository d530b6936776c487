/**
 * The NATS service protocol (ADR-32) as data: control subjects and the payloads of PING, INFO and STATS. Pure.
 *
 * Field names and their order are those of ADR-32, for `nats micro` and every other tool that reads them.
 */

export const VERBS = ['PING', 'INFO', 'STATS'] as const
export type Verb = (typeof VERBS)[number]

/** The queue group of ADR-32's endpoints unless one is configured. */
export const DEFAULT_QUEUE_GROUP = 'q'

export type Metadata = Readonly<Record<string, string>>

/** What every control reply says about the instance. `id` is unique per instance, the rest is shared by all. */
export type Identity = {
  readonly name: string
  readonly id: string
  readonly version: string
  readonly metadata: Metadata
}

export type EndpointInfo = {
  readonly name: string
  readonly subject: string
  readonly queue_group: string
  readonly metadata: Metadata
}

/** Times are nanoseconds. A number is exact up to 2^53 ns: 104 days of work, less than a nanosecond matters then. */
export type EndpointStats = {
  readonly name: string
  readonly subject: string
  readonly queue_group: string
  readonly num_requests: number
  readonly num_errors: number
  /** `<status>:<code>` of the last error, "" when there was none. */
  readonly last_error: string
  readonly processing_time: number
  readonly average_processing_time: number
  readonly data?: unknown
}

export type PingResponse = Identity & { readonly type: 'io.nats.micro.v1.ping_response' }

export type InfoResponse = Identity & {
  readonly type: 'io.nats.micro.v1.info_response'
  readonly description: string
  readonly endpoints: readonly EndpointInfo[]
}

export type StatsResponse = Identity & {
  readonly type: 'io.nats.micro.v1.stats_response'
  /** When the instance started: ISO 8601 in UTC. */
  readonly started: string
  readonly endpoints: readonly EndpointStats[]
}

/** The reply to `$SRV.PING`. */
export const pingResponse = (identity: Identity): PingResponse => ({
  type: 'io.nats.micro.v1.ping_response',
  ...identity,
})

/** The reply to `$SRV.INFO`. */
export const infoResponse = (
  identity: Identity,
  description: string,
  endpoints: readonly EndpointInfo[],
): InfoResponse => ({ type: 'io.nats.micro.v1.info_response', ...identity, description, endpoints })

/** The reply to `$SRV.STATS`. */
export const statsResponse = (
  identity: Identity,
  started: Date,
  endpoints: readonly EndpointStats[],
): StatsResponse => ({
  type: 'io.nats.micro.v1.stats_response',
  ...identity,
  started: started.toISOString(),
  endpoints,
})

/** The three subjects of a verb: all services, all instances of `name`, this instance. */
export const controlSubjects = (verb: Verb, { name, id }: Identity): readonly string[] => [
  `$SRV.${verb}`,
  `$SRV.${verb}.${name}`,
  `$SRV.${verb}.${name}.${id}`,
]
