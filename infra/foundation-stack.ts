/**
 * The stack that the other stacks and the operator need first: the image repository, the secrets, and the topic of the
 * alarms.
 *
 * The secrets are made empty. The operator fills them, so that no template holds their values. A task whose secret is
 * still empty does not start and says so.
 */

import { CfnOutput, CfnParameter, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib'
import { Repository, TagMutability } from 'aws-cdk-lib/aws-ecr'
import { AnyPrincipal, Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Key } from 'aws-cdk-lib/aws-kms'
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  ObjectLockRetention,
} from 'aws-cdk-lib/aws-s3'
import { type CfnSecret, Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions'
import type { Construct } from 'constructs'
import type { StageConfig } from './config.js'
import { acknowledge } from './nag.js'
import { CREDENTIALS, type Credentials, secretName } from './names.js'

const IMAGES_KEPT = 20

type FoundationProps = StackProps & { readonly config: StageConfig }

export class FoundationStack extends Stack {
  readonly repository: Repository
  /** The secrets with NATS credentials: each holds a .creds file in base64. */
  readonly credentials: Readonly<Record<Credentials, Secret>>
  /** The secret with the gateway's bearer tokens, which is the content of `HTTP_TOKENS_FILE`. */
  readonly http_tokens: Secret
  /**
   * The secret with the certificate of the gateway's tasks and its key, as JSON with the fields `cert` and `key`. The load
   * balancer does not verify it, so it may be signed by itself.
   */
  readonly http_tls: Secret
  /** The secret with the seed that signs heads: the content of `JETLEDGER_HEAD_SEED_FILE`, for the projections alone. */
  readonly head_seed: Secret
  /** The bucket in which signed heads are kept, each with a lock that nobody can lift before its time. */
  readonly heads: Bucket
  /** The bucket whose new CSV files are imported; undefined for a stage without one. */
  readonly imports: Bucket | undefined
  readonly alarms: Topic
  private readonly removal: RemovalPolicy

  constructor(scope: Construct, id: string, { config, ...props }: FoundationProps) {
    super(scope, id, props)
    this.removal = config.is_protected ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY
    this.repository = this.makeRepository(config)
    this.credentials = Object.fromEntries(
      CREDENTIALS.map(role => [role, this.secret(config, `nats/${role}`)]),
    ) as Record<Credentials, Secret>
    this.http_tokens = this.secret(config, 'gateway/tokens')
    this.http_tls = this.secret(config, 'gateway/tls')
    this.head_seed = this.secret(config, 'projections/head-seed')
    this.heads = this.makeHeads(config)
    this.imports = config.import_bucket && this.makeImports(config.import_bucket)
    this.alarms = this.makeTopic()
    new CfnOutput(this, 'RepositoryUri', { value: this.repository.repositoryUri })
  }

  private makeRepository({ is_protected }: StageConfig): Repository {
    return new Repository(this, 'Images', {
      imageTagMutability: TagMutability.IMMUTABLE,
      imageScanOnPush: true,
      lifecycleRules: [{ maxImageCount: IMAGES_KEPT }],
      removalPolicy: this.removal,
      emptyOnDelete: !is_protected,
    })
  }

  /** An empty secret of this stage; `part` is the end of its name. */
  secret({ stage }: StageConfig, part: string): Secret {
    const secret = new Secret(this, part.replace(/\W/g, '-'), {
      secretName: secretName(stage, part),
      removalPolicy: this.removal,
    })
    const resource = secret.node.defaultChild as CfnSecret
    resource.generateSecretString = undefined
    acknowledge(
      secret,
      'SMG4',
      'The issuer of the credentials changes them, in a step of docs/deploy-aws.md.',
    )
    return secret
  }

  /** The bucket into which the operator puts nats-server: the nodes have no internet and fetch it from there. */
  artifacts(): Bucket {
    const bucket = new Bucket(this, 'Artifacts', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      versioned: true,
      removalPolicy: this.removal,
    })
    acknowledge(bucket, 'S1', 'It holds a public download; the checksum in the template is what protects it.')
    new CfnOutput(this, 'ArtifactsBucket', { value: bucket.bucketName })
    return bucket
  }

  /**
   * The bucket of signed heads. An object in it is locked (COMPLIANCE), and is written once: the projections, which sign, can
   * put no other head in the place of one that was kept.
   */
  private makeHeads({ heads_locked_days }: StageConfig): Bucket {
    const bucket = new Bucket(this, 'Heads', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      versioned: true,
      objectLockEnabled: true,
      objectLockDefaultRetention: ObjectLockRetention.compliance(Duration.days(heads_locked_days)),
      // no stack could remove locked objects
      removalPolicy: RemovalPolicy.RETAIN,
    })
    bucket.addToResourcePolicy(
      new PolicyStatement({
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:PutObject'],
        resources: [bucket.arnForObjects('*')],
        conditions: { Null: { 's3:if-none-match': 'true' } },
      }),
    )
    acknowledge(bucket, 'S1', 'It is written to by one task, and its objects cannot be changed.')
    new CfnOutput(this, 'HeadsBucket', { value: bucket.bucketName })
    return bucket
  }

  /** The bucket of imports: files come in, and the task of the services stack puts rejects and report beside each. */
  private makeImports({ old_versions_days }: NonNullable<StageConfig['import_bucket']>): Bucket {
    const bucket = new Bucket(this, 'Imports', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      versioned: true,
      lifecycleRules: [
        {
          // what a killed upload leaves costs, and nobody sees it
          abortIncompleteMultipartUploadAfter: Duration.days(1),
          noncurrentVersionExpiration: Duration.days(old_versions_days),
          expiredObjectDeleteMarker: true,
        },
      ],
      removalPolicy: this.removal,
    })
    // the CDK's own property would need a custom resource
    const resource = bucket.node.defaultChild as CfnBucket
    resource.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } }
    acknowledge(
      bucket,
      'S1',
      'What came in stays as versions, and a report beside each file says what became of it.',
    )
    new CfnOutput(this, 'ImportsBucket', { value: bucket.bucketName })
    return bucket
  }

  private makeTopic(): Topic {
    // with the AWS managed key none of these services could publish
    const key = new Key(this, 'AlarmsKey', { enableKeyRotation: true, removalPolicy: RemovalPolicy.DESTROY })
    const publishers = ['cloudwatch', 'budgets', 'events'].map(
      name => new ServicePrincipal(`${name}.amazonaws.com`),
    )
    const topic = new Topic(this, 'Alarms', { masterKey: key, enforceSSL: true })
    for (const publisher of publishers) {
      key.grantEncryptDecrypt(publisher)
      topic.grantPublish(publisher)
    }
    const email = new CfnParameter(this, 'AlarmEmail', {
      description: 'Who is told about alarms and the budget',
      allowedPattern: '[^@\\s]+@[^@\\s]+',
    })
    topic.addSubscription(new EmailSubscription(email.valueAsString))
    return topic
  }
}
