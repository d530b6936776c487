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

/** The fields of every control reply that identify the instance. All instances share them, except for `id`. */
export type ServiceIdentity = {
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

/** Times are nanoseconds, exact up to 2^53 ns (104 days of work); after that a lost nanosecond does not matter. */
export type EndpointStats = {
  readonly name: string
  readonly subject: string
  readonly queue_group: string
  readonly num_requests: number
  readonly num_errors: number
  /** `<status>:<code>` of the last error; "" when there was none. */
  readonly last_error: string
  readonly processing_time: number
  readonly average_processing_time: number
  readonly data?: unknown
}

export type PingResponse = ServiceIdentity & { readonly type: 'io.nats.micro.v1.ping_response' }

export type InfoResponse = ServiceIdentity & {
  readonly type: 'io.nats.micro.v1.info_response'
  readonly description: string
  readonly endpoints: readonly EndpointInfo[]
}

export type StatsResponse = ServiceIdentity & {
  readonly type: 'io.nats.micro.v1.stats_response'
  /** The time at which the instance started: ISO 8601 in UTC. */
  readonly started: string
  readonly endpoints: readonly EndpointStats[]
}

/** The reply to `$SRV.PING`. */
export const pingResponse = (identity: ServiceIdentity): PingResponse => ({
  type: 'io.nats.micro.v1.ping_response',
  ...identity,
})

/** The reply to `$SRV.INFO`. */
export const infoResponse = (
  identity: ServiceIdentity,
  description: string,
  endpoints: readonly EndpointInfo[],
): InfoResponse => ({ type: 'io.nats.micro.v1.info_response', ...identity, description, endpoints })

/** The reply to `$SRV.STATS`. */
export const statsResponse = (
  identity: ServiceIdentity,
  started: Date,
  endpoints: readonly EndpointStats[],
): StatsResponse => ({
  type: 'io.nats.micro.v1.stats_response',
  ...identity,
  started: started.toISOString(),
  endpoints,
})

/** The three subjects of a verb: for all services, for all instances of `name`, and for this instance. */
export const controlSubjects = (verb: Verb, { name, id }: ServiceIdentity): readonly string[] => [
  `$SRV.${verb}`,
  `$SRV.${verb}.${name}`,
  `$SRV.${verb}.${name}.${id}`,
]
