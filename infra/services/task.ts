/**
 * The task definition of one role, with its own rights in DynamoDB, its own NATS credentials and its own log group.
 */

import { RemovalPolicy } from 'aws-cdk-lib'
import { FargateTaskDefinition } from 'aws-cdk-lib/aws-ecs'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import { inboxPrefixOf } from '../../src/permissions/users.js'
import type { StageConfig } from '../config.js'
import type { FoundationStack } from '../foundation-stack.js'
import { acknowledge } from '../nag.js'
import { baseTable, type Credentials, HTTP_PORT, logGroupName } from '../names.js'
import type { NatsConnection } from '../nats/connection.js'
import { grantTables } from '../permissions.js'
import { addProgram, PLATFORM, type SecretFile } from './container.js'

/** The properties that all tasks of a stage share. */
export type TasksShare = {
  readonly config: StageConfig
  readonly foundation: FoundationStack
  readonly nats: NatsConnection
  readonly image_tag: string
  /** Which events have rows in a table that is begun. */
  readonly journal: string
}

export type TaskProps = TasksShare & {
  readonly role: Credentials
  readonly size: { readonly cpu: number; readonly memory_mib: number }
  readonly command: readonly string[]
  /** Environment variables beside the ones that every task gets. */
  readonly environment: Readonly<Record<string, string>>
  readonly files?: readonly SecretFile[]
  /** Whether the program writes temporary files, which may be large. */
  readonly has_scratch?: boolean
  readonly is_service: boolean
}

const REPLICAS = 3
/** The disk of a task with temporary files: an import copies its file first. */
const SCRATCH_GIB = 100

const environmentOf = ({ config, nats, journal, environment, role }: TaskProps): Record<string, string> => ({
  NATS_URL: nats.url,
  // each role has inboxes of its own: the gateway may subscribe only to its own, and so hears no replies to other roles
  NATS_INBOX_PREFIX: inboxPrefixOf(role),
  DDB_TABLE: baseTable(config.stage),
  JETLEDGER_JOURNAL: journal,
  JETLEDGER_REPLICAS: String(REPLICAS),
  HTTP_PORT: String(HTTP_PORT),
  LOG_LEVEL: 'info',
  ...(nats.stream_bytes_max === undefined
    ? {}
    : { JETLEDGER_STREAM_BYTES_MAX: String(nats.stream_bytes_max) }),
  ...environment,
})

const caFile = ({ ca }: NatsConnection): readonly SecretFile[] =>
  ca === undefined ? [] : [{ variable: 'NATS_TLS_CA', name: 'nats-ca.pem', secret: ca }]

export class JetledgerTask extends Construct {
  readonly definition: FargateTaskDefinition
  readonly log_group: LogGroup

  constructor(scope: Construct, id: string, props: TaskProps) {
    super(scope, id)
    const {
      config,
      foundation,
      nats,
      role,
      size,
      command,
      files = [],
      has_scratch = false,
      is_service,
    } = props
    this.log_group = new LogGroup(this, 'Log', {
      logGroupName: logGroupName(config.stage, role),
      retention: config.log_retention_days,
      removalPolicy: config.is_protected ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
    this.definition = new FargateTaskDefinition(this, 'Task', {
      family: `jetledger-${config.stage}-${role}`,
      cpu: size.cpu,
      memoryLimitMiB: size.memory_mib,
      runtimePlatform: PLATFORM,
      ...(has_scratch ? { ephemeralStorageGiB: SCRATCH_GIB } : {}),
    })
    addProgram(this.definition, {
      repository: foundation.repository,
      tag: props.image_tag,
      log_group: this.log_group,
      command,
      environment: environmentOf(props),
      secrets: { NATS_CREDENTIALS: foundation.credentials[role] },
      files: [...caFile(nats), ...files],
      has_scratch,
      is_service,
    })
    grantTables(this.definition.taskRole, config.stage, role)
    this.explain()
  }

  private explain(): void {
    acknowledge(
      this.definition,
      'ECS2',
      'The variables are addresses, names and limits; whatever is secret comes from Secrets Manager.',
    )
    acknowledge(
      this.definition,
      'IAM5[Resource::*]',
      'ecr:GetAuthorizationToken of the execution role knows no resources.',
    )
  }
}
