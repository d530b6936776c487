/**
 * The stack of the program on Fargate: a service per role, the gateway's load balancer, and the tasks that run once.
 */

import { CfnCondition, CfnOutput, CfnParameter, Fn, Stack, type StackProps, Token } from 'aws-cdk-lib'
import type { IVpc } from 'aws-cdk-lib/aws-ec2'
import { Cluster, ContainerInsights, type ICluster } from 'aws-cdk-lib/aws-ecs'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Bucket } from 'aws-cdk-lib/aws-s3'
import type { Construct } from 'constructs'
import type { StageConfig } from './config.js'
import type { FoundationStack } from './foundation-stack.js'
import { acknowledge } from './nag.js'
import { ONE_OFFS, SERVICE_ROLES, type ServiceRole, stackName } from './names.js'
import { type NatsConnection, synadiaConnection } from './nats/connection.js'
import type { SecretFile } from './services/container.js'
import { Imports } from './services/imports.js'
import { GatewayFront } from './services/load-balancer.js'
import { addOneOff } from './services/one-off.js'
import { scale } from './services/scaling.js'
import { JetledgerService } from './services/service.js'
import type { TasksShare } from './services/task.js'
import { addLogMetric, addThrottleMetric, logMetric } from './watch/log-metrics.js'

type ServicesProps = StackProps & {
  readonly config: StageConfig
  readonly vpc: IVpc
  readonly foundation: FoundationStack
  /** The connection to the self-hosted cluster; undefined for Synadia Cloud. */
  readonly own_nats: NatsConnection | undefined
}

/** The number of balancers that add the caller's address to `X-Forwarded-For` on the way to the gateway. */
const BALANCERS = 1

/** The name by which the CDK exports the ARN of the bucket of heads: a finding of cdk-nag is named by it. */
const HEADS_EXPORT = 'ExportsOutputFnGetAttHeads40852749ArnA2961AB8'

const filesOf = (
  role: ServiceRole,
  { http_tokens, http_tls, head_seed }: FoundationStack,
): readonly SecretFile[] => {
  if (role === 'projections')
    return [{ variable: 'JETLEDGER_HEAD_SEED_FILE', name: 'head.seed', secret: head_seed }]
  if (role !== 'gateway') return []
  return [
    { variable: 'HTTP_TOKENS_FILE', name: 'tokens.json', secret: http_tokens },
    { variable: 'HTTP_TLS_CERT', name: 'gateway.pem', secret: http_tls, field: 'cert' },
    { variable: 'HTTP_TLS_KEY', name: 'gateway.key', secret: http_tls, field: 'key' },
  ]
}

export class ServicesStack extends Stack {
  readonly roles: Readonly<Record<ServiceRole, JetledgerService>>
  readonly front: GatewayFront
  /** The import of files that come into the bucket of imports; undefined for a stage without one. */
  readonly imports: Imports | undefined

  constructor(scope: Construct, id: string, { config, vpc, foundation, own_nats, ...props }: ServicesProps) {
    super(scope, id, props)
    const nats = own_nats ?? synadiaConnection(this, config)
    const image = new CfnParameter(this, 'ImageTag', {
      allowedPattern: '[\\w][\\w.-]*',
      description: 'The tag of the image in the repository of the foundation stack',
    })
    const cluster = new Cluster(this, 'Cluster', {
      clusterName: `jetledger-${config.stage}`,
      vpc,
      containerInsightsV2: ContainerInsights.ENABLED,
    })
    const tasks = this.tasksWhileRunning()
    const journal = new CfnParameter(this, 'Journal', {
      default: 'every-event',
      allowedValues: ['every-event', 'savepoints'],
      description:
        'Which events have rows in a table that is begun: every one, or savepoints only, for fewer writes; "jetledger replay" begins one',
    })
    const share = {
      ...{ config, foundation, nats },
      image_tag: image.valueAsString,
      journal: journal.valueAsString,
    }
    const environments = this.environmentsOf(config, foundation)
    const services = SERVICE_ROLES.map(role => {
      const own = { files: filesOf(role, foundation), environment: environments[role] ?? {} }
      return [
        role,
        new JetledgerService(this, role, {
          ...share,
          ...own,
          cluster: cluster as ICluster,
          vpc,
          role,
          tasks,
        }),
      ] as const
    })
    this.roles = Object.fromEntries(services) as Record<ServiceRole, JetledgerService>
    this.grantHeads(config, foundation.heads)
    this.front = new GatewayFront(this, 'Front', { config, vpc, gateway: this.roles.gateway })
    this.measure(config)
    this.scaleRoles(config, tasks)
    this.imports = this.addOneOffs(share, cluster as ICluster)
    new CfnOutput(this, 'ClusterName', { value: cluster.clusterName })
  }

  /** Lets the projections put heads into their bucket, and nothing else: not read, not list, not delete. */
  private grantHeads({ stage }: StageConfig, heads: Bucket): void {
    const { taskRole } = this.roles.projections.definition
    const resource = heads.arnForObjects('heads/*')
    taskRole.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['s3:PutObject', 's3:PutObjectRetention'], resources: [resource] }),
    )
    acknowledge(
      taskRole,
      `IAM5[Resource::${stackName(stage, 'foundation')}:${HEADS_EXPORT}/heads/*]`,
      'Each head is an object of its own; the policy allows to add objects, and the lock forbids to change them.',
    )
  }

  /** The variables that only one role gets. */
  private environmentsOf(
    { issuer, heads_locked_days }: StageConfig,
    { heads }: FoundationStack,
  ): Partial<Record<ServiceRole, Record<string, string>>> {
    const callers = new CfnParameter(this, 'Callers', {
      default: 'gateway',
      allowedValues: ['none', 'gateway', 'request-info'],
      description:
        'Who vouches for the callers of writes: the gateway (every NATS user who may send commands could name any caller), nats-server (request-info), or none while roles of a version before callers still run',
    })
    const account = new CfnParameter(this, 'GatewayAccount', {
      default: '',
      description: 'With request-info: the NATS account of the gateway, if it has one of its own',
    })
    const audit = new CfnParameter(this, 'Audit', {
      default: 'callers',
      allowedValues: ['callers', 'all', 'none'],
      description: 'The writes that have a line in the log',
    })
    const texts = new CfnParameter(this, 'Texts', {
      default: 'clear',
      allowedValues: ['clear', 'sealed'],
      description:
        'Whether reference and metadata are stored sealed under keys of the customers, which can be erased; the operator makes their bucket first (stream apply --person-keys)',
    })
    const writers = {
      JETLEDGER_CALLERS: callers.valueAsString,
      JETLEDGER_GATEWAY_ACCOUNT: account.valueAsString,
      JETLEDGER_AUDIT: audit.valueAsString,
    }
    return {
      commands: { ...writers, JETLEDGER_TEXTS: texts.valueAsString },
      operations: writers,
      projections: {
        JETLEDGER_HEAD_BUCKET: heads.bucketName,
        JETLEDGER_HEAD_LOCK_DAYS: String(heads_locked_days),
      },
      gateway: {
        HTTP_TRUST_PROXY: String(BALANCERS),
        ...(issuer === undefined ? {} : { HTTP_JWT_ISSUER: issuer.url, HTTP_JWT_AUDIENCE: issuer.audience }),
      },
    }
  }

  private measure({ stage }: StageConfig): void {
    for (const [role, service] of Object.entries(this.roles) as [ServiceRole, JetledgerService][]) {
      for (const metric of [
        { name: 'logins_refused', line: 'login_refused' },
        { name: 'permission_violations', line: 'permission_violation' },
      ] as const) {
        addLogMetric(service, stage, service.log_group, metric)
      }
      if (role === 'gateway') continue
      addThrottleMetric(service, stage, service.log_group, role)
      if (role === 'projections' || role === 'operations') continue
      addLogMetric(service, stage, service.log_group, {
        name: `in_flight_${role}`,
        line: 'in_flight',
        value: 'in_flight',
      })
    }
    const { projections } = this.roles
    for (const metric of [
      { name: 'projection_lag_ms', line: 'projection_lag', value: 'lag_ms', by: 'projection' },
      { name: 'dead_letters', line: 'dead_letter' },
      { name: 'fold_mismatches', line: 'fold_mismatch' },
      { name: 'config_writes', line: 'config_write' },
      { name: 'heads_not_kept', line: 'head_not_kept' },
      { name: 'chain_lag_ms', line: 'chain_lag', value: 'lag_ms' },
    ] as const) {
      addLogMetric(projections, stage, projections.log_group, metric)
    }
  }

  private scaleRoles(config: StageConfig, tasks: (wanted: number) => number): void {
    const { stage } = config
    for (const role of ['commands', 'queries'] as const) {
      scale(this.roles[role].service, config[role], tasks, logMetric(stage, `in_flight_${role}`, 'Average'))
    }
    scale(this.roles.gateway.service, config.gateway, tasks)
  }

  /**
   * The numbers of tasks, by a parameter: at the first deployment no service may run, since a role has no right to make the
   * streams, and a service that ends at its start would take the whole deployment back.
   */
  private tasksWhileRunning(): (wanted: number) => number {
    const running = new CfnParameter(this, 'Running', {
      default: 'yes',
      allowedValues: ['yes', 'no'],
      description: 'Whether the services run: not before the operator has made the streams',
    })
    const condition = new CfnCondition(this, 'IsRunning', {
      expression: Fn.conditionEquals(running.valueAsString, 'yes'),
    })
    return wanted => Token.asNumber(Fn.conditionIf(condition.logicalId, wanted, 0))
  }

  /** Adds the programs that run once, and the rule that starts one of them for each file in the bucket of imports. */
  private addOneOffs(share: TasksShare, cluster: ICluster): Imports | undefined {
    const tasks = new Map(ONE_OFFS.map(role => [role, addOneOff(this, role, share)]))
    for (const [role, { definition }] of tasks)
      new CfnOutput(this, `Task-${role}`, { value: definition.family })
    // the group that NATS admits leads to NATS only
    const groups = [this.roles.commands.group, share.nats.clients].filter(group => group !== undefined)
    new CfnOutput(this, 'TaskGroups', {
      value: groups.map(({ securityGroupId }) => securityGroupId).join(','),
    })
    new CfnOutput(this, 'TaskSubnets', {
      value: this.roles.commands.service.cluster.vpc
        .selectSubnets({ subnetGroupName: 'private' })
        .subnetIds.join(','),
    })
    const { imports: bucket, alarms: topic } = share.foundation
    const importer = tasks.get('importer')
    if (bucket === undefined || importer === undefined) return undefined
    const { stage } = share.config
    return new Imports(this, 'Imports', { stage, bucket, importer, cluster, groups, topic })
  }
}
