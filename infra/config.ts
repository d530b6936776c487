/**
 * The configuration of the stages: all values in which they differ. Values that belong to an account (certificate,
 * image tag, e-mail) are parameters of the stacks instead, so that the repository holds nothing of an account.
 */

export const STAGES = ['dev', 'prod'] as const
export type Stage = (typeof STAGES)[number]

export const NATS_CHOICES = ['synadia', 'self-hosted'] as const
export type NatsChoice = (typeof NATS_CHOICES)[number]

/** The Fargate size and the number of tasks of one role. */
export type Size = {
  readonly cpu: number
  readonly memory_mib: number
  readonly min: number
  readonly max: number
}

export type StageConfig = {
  readonly stage: Stage
  readonly region: string
  /** The three availability zones: a stream has three replicas, one per zone. */
  readonly zones: readonly [string, string, string]
  readonly vpc_cidr: string
  /** Whether resources that hold data resist deletion and outlive their stack. */
  readonly is_protected: boolean
  /** AWS's own lists of the addresses behind the gateway endpoints in this region: `aws ec2 describe-prefix-lists`. */
  readonly prefix_lists: { readonly dynamodb: string; readonly s3: string }
  /** The number of zones with interface endpoints; each costs by the hour. */
  readonly endpoint_zones: 1 | 3
  /** The number of NAT gateways, used only for a NATS or an issuer outside AWS; each costs by the hour. */
  readonly nat_gateways: 1 | 3
  readonly log_retention_days: 7 | 30 | 365
  /** How long a signed head that was put into the bucket of heads can be deleted by nobody. */
  readonly heads_locked_days: number
  readonly commands: Size
  readonly projections: Size
  readonly queries: Size
  readonly gateway: Size
  /** Its replays run in one task: another one would not know how far they are. */
  readonly operations: Size
  /**
   * The OpenID Connect issuer whose tokens callers of the gateway may use beside those of the token file; undefined: none.
   * `is_outside`: it is not in the VPC, so the gateway gets a way to the internet, for HTTPS.
   */
  readonly issuer?: { readonly url: string; readonly audience: string; readonly is_outside: boolean }
  /**
   * The bucket whose new CSV files are imported; undefined: none. Whoever may put an object into it can move money.
   * `old_versions_days`: how long objects that were replaced or deleted are kept.
   */
  readonly import_bucket?: { readonly old_versions_days: number } | undefined
  /** The network from which the gateway's load balancer can be reached: the VPC only, or the whole internet. */
  readonly gateway_open_to: 'vpc' | 'internet'
  readonly nats_node: { readonly instance_type: string; readonly volume_gib: number }
  /** The size limit of the ledger stream on Synadia Cloud, which requires a limit for every stream. */
  readonly synadia_stream_bytes_max: number
  readonly budget_usd_per_month: number
}

const REGION = 'eu-central-1'
const PREFIX_LISTS = { dynamodb: 'pl-66a5400f', s3: 'pl-6ea54007' } as const
const ZONES = [`${REGION}a`, `${REGION}b`, `${REGION}c`] as const

const DEV: StageConfig = {
  stage: 'dev',
  region: REGION,
  zones: ZONES,
  vpc_cidr: '10.40.0.0/16',
  prefix_lists: PREFIX_LISTS,
  is_protected: false,
  endpoint_zones: 1,
  nat_gateways: 1,
  log_retention_days: 7,
  heads_locked_days: 1,
  commands: { cpu: 256, memory_mib: 512, min: 1, max: 2 },
  projections: { cpu: 256, memory_mib: 512, min: 2, max: 2 },
  queries: { cpu: 256, memory_mib: 512, min: 3, max: 3 },
  gateway: { cpu: 256, memory_mib: 512, min: 1, max: 1 },
  operations: { cpu: 256, memory_mib: 512, min: 1, max: 1 },
  import_bucket: { old_versions_days: 7 },
  gateway_open_to: 'vpc',
  nats_node: { instance_type: 't4g.small', volume_gib: 20 },
  synadia_stream_bytes_max: 1_000_000_000,
  budget_usd_per_month: 300,
}

const PROD: StageConfig = {
  stage: 'prod',
  region: REGION,
  zones: ZONES,
  vpc_cidr: '10.41.0.0/16',
  prefix_lists: PREFIX_LISTS,
  is_protected: true,
  endpoint_zones: 3,
  nat_gateways: 3,
  log_retention_days: 365,
  heads_locked_days: 3_650,
  commands: { cpu: 1_024, memory_mib: 2_048, min: 2, max: 8 },
  projections: { cpu: 1_024, memory_mib: 2_048, min: 2, max: 2 },
  queries: { cpu: 512, memory_mib: 1_024, min: 3, max: 12 },
  gateway: { cpu: 512, memory_mib: 1_024, min: 2, max: 6 },
  operations: { cpu: 1_024, memory_mib: 2_048, min: 1, max: 1 },
  import_bucket: { old_versions_days: 365 },
  gateway_open_to: 'vpc',
  nats_node: { instance_type: 'm7g.large', volume_gib: 200 },
  synadia_stream_bytes_max: 50_000_000_000,
  budget_usd_per_month: 1_500,
}

export const CONFIGS: Readonly<Record<Stage, StageConfig>> = { dev: DEV, prod: PROD }

const sizeProblems = (role: string, { min, max, memory_mib, cpu }: Size): readonly string[] => [
  ...(min < 1 || max < min ? [`${role}: min ${min} and max ${max} are no range`] : []),
  // the memory that Fargate offers for up to one CPU
  ...(memory_mib < 2 * cpu || memory_mib > 8 * cpu
    ? [`${role}: ${memory_mib} MiB do not go with CPU ${cpu}`]
    : []),
]

/** Sentences about everything that is wrong in a stage's configuration; empty when it is right. */
export const configProblems = (config: StageConfig): readonly string[] => {
  const { zones, region, projections, queries, operations } = config
  return [
    ...(new Set(zones).size === 3 ? [] : ['zones: three different ones are needed']),
    ...zones.filter(zone => !zone.startsWith(region)).map(zone => `zones: ${zone} is not in ${region}`),
    ...(['commands', 'projections', 'queries', 'gateway', 'operations'] as const).flatMap(role =>
      sizeProblems(role, config[role]),
    ),
    ...(projections.min === 2 && projections.max === 2
      ? []
      : ['projections: one active and one standby are two']),
    ...(queries.min >= 3 ? [] : ['queries: at least 3']),
    ...(operations.max === 1 ? [] : ['operations: one task runs the replays']),
  ]
}
