/**
 * The import of files that come into a bucket: a rule starts the task `importer` for each new CSV file, which puts rejects and
 * report beside it (`jetledger import --dropped-in`).
 *
 * EventBridge delivers an event at least once, and a task may be started twice: the same file has the same ids, so that is
 * harmless. An event for which no task could be started goes to a queue, and an alarm tells of it (watch/alarms.ts).
 */

import { type CfnElement, Duration, Stack } from 'aws-cdk-lib'
import type { ISecurityGroup } from 'aws-cdk-lib/aws-ec2'
import { type ICluster, type ITaskDefinition, LaunchType } from 'aws-cdk-lib/aws-ecs'
import { EventField, Match, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events'
import { EcsTask, SnsTopic } from 'aws-cdk-lib/aws-events-targets'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Bucket } from 'aws-cdk-lib/aws-s3'
import type { ITopic, Topic } from 'aws-cdk-lib/aws-sns'
import { type IQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import type { Stage } from '../config.js'
import { acknowledge } from '../nag.js'
import { stackName } from '../names.js'
import { PRIVATE_SUBNETS } from '../network-stack.js'
import type { JetledgerTask } from './task.js'

export type ImportsProps = {
  readonly stage: Stage
  readonly bucket: Bucket
  readonly importer: JetledgerTask
  readonly cluster: ICluster
  readonly groups: readonly ISecurityGroup[]
  /** Whoever is told about alarms is told about imports that end with an error. */
  readonly topic: Topic
}

const REJECTS = '*.rejects.csv'
const REPORTS = '*.report.json'
/** EventBridge tries to start a task so often, and so long. */
const TRIES_MAX = 24
const TRIES_AGE = Duration.hours(6)
const UNDELIVERED_AGE = Duration.days(14)

/** The name by which the CDK exports the ARN of the bucket: findings of cdk-nag are named by it. */
const BUCKET_EXPORT = 'ExportsOutputFnGetAttImportsC5EA4F6FArnBBEA0D9A'

/** Actions on the objects of the bucket whose keys fit a pattern. */
const GRANTS: readonly (readonly [pattern: string, actions: readonly string[]])[] = [
  ['*', ['s3:GetObject']],
  // an object that takes rejects or a report is written in parts, which are taken back when the import fails
  [REJECTS, ['s3:PutObject', 's3:AbortMultipartUpload', 's3:DeleteObject']],
  [REPORTS, ['s3:PutObject', 's3:AbortMultipartUpload']],
]

export class Imports extends Construct {
  /** The events for which no task could be started. */
  readonly undelivered: Queue

  constructor(scope: Construct, id: string, props: ImportsProps) {
    super(scope, id)
    this.undelivered = new Queue(this, 'Undelivered', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: UNDELIVERED_AGE,
    })
    acknowledge(this.undelivered, 'SQS3', 'It is the queue of what could not be delivered.')
    this.grant(props)
    this.startTasks(props)
    this.tellOfFailures(props)
  }

  /** Lets the task read the bucket, and write beside the files; with the right to list, an absent object is told as absent. */
  private grant({ stage, bucket, importer }: ImportsProps): void {
    const { taskRole } = importer.definition
    for (const [pattern, actions] of GRANTS) {
      taskRole.addToPrincipalPolicy(
        new PolicyStatement({ actions: [...actions], resources: [bucket.arnForObjects(pattern)] }),
      )
      acknowledge(
        taskRole,
        `IAM5[Resource::${stackName(stage, 'foundation')}:${BUCKET_EXPORT}/${pattern}]`,
        'The keys of files are their senders’ choice; what the task writes has names of its own.',
      )
    }
    taskRole.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }),
    )
  }

  private startTasks({ bucket, importer, cluster, groups }: ImportsProps): void {
    const rule = new Rule(this, 'Dropped', {
      description: 'A CSV file has come into the bucket of imports',
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: {
          bucket: { name: [bucket.bucketName] },
          // a pattern cannot say "and not .rejects.csv" of the same field: the program leaves those alone
          object: { key: Match.suffixEqualsIgnoreCase('.csv') },
        },
      },
    })
    const command = [
      'import',
      '--dropped-in',
      bucket.bucketName,
      // a key may begin with a hyphen
      '--',
      // an argument of its own, so that EventBridge puts the key there as JSON, with whatever quotes it holds
      EventField.fromPath('$.detail.object.key'),
    ]
    rule.addTarget(
      new EcsTask({
        cluster,
        taskDefinition: importer.definition as ITaskDefinition,
        launchType: LaunchType.FARGATE,
        subnetSelection: PRIVATE_SUBNETS,
        securityGroups: [...groups],
        assignPublicIp: false,
        enableExecuteCommand: false,
        containerOverrides: [{ containerName: 'program', command }],
        deadLetterQueue: this.undelivered as IQueue,
        retryAttempts: TRIES_MAX,
        maxEventAge: TRIES_AGE,
      }),
    )
    const { region } = Stack.of(this)
    const own_tasks = `arn:<AWS::Partition>:ecs:${region}:*:task/<${this.logicalIdOf(cluster)}>/*`
    acknowledge(
      importer.definition,
      `IAM5[Resource::${own_tasks}]`,
      'The rule may tag the tasks that it starts: their ids are not known before.',
    )
  }

  private logicalIdOf(cluster: ICluster): string {
    return Stack.of(this).getLogicalId(cluster.node.defaultChild as CfnElement)
  }

  /** Tells of tasks that end with an error: some rows are among the rejects, or the import failed, or could not begin. */
  private tellOfFailures({ stage, importer, cluster, topic }: ImportsProps): void {
    const rule = new Rule(this, 'Failed', {
      description: 'An import has ended with an error',
      eventPattern: {
        source: ['aws.ecs'],
        detailType: ['ECS Task State Change'],
        detail: {
          clusterArn: [cluster.clusterArn],
          group: [`family:${importer.definition.family}`],
          lastStatus: ['STOPPED'],
          $or: [{ containers: { exitCode: [{ 'anything-but': [0] }] } }, { stopCode: ['TaskFailedToStart'] }],
        },
      },
    })
    const task = EventField.fromPath('$.detail.taskArn')
    const says = `Jetledger ${stage}: an import has ended with an error, or with rejects. The report beside the file says why; without one, the log of importer, or the task: ${task}`
    rule.addTarget(new SnsTopic(topic as ITopic, { message: RuleTargetInput.fromText(says) }))
  }
}
