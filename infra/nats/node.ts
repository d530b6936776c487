/**
 * One node of the NATS cluster: an Auto Scaling group of one instance in one zone, with a volume and a DNS name that
 * outlive the instance.
 *
 * A new instance attaches the volume and registers its address itself, so the group alone can replace an instance.
 */

import { Duration, Lazy, RemovalPolicy, Size, Stack, Tags } from 'aws-cdk-lib'
import {
  AutoScalingGroup,
  type CfnAutoScalingGroup,
  HealthChecks,
  Signals,
  UpdatePolicy,
} from 'aws-cdk-lib/aws-autoscaling'
import {
  AmazonLinuxCpuType,
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  InstanceType,
  type IVpc,
  LaunchTemplate,
  MachineImage,
  type SecurityGroup,
  UserData,
  Volume,
} from 'aws-cdk-lib/aws-ec2'
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { LogGroup } from 'aws-cdk-lib/aws-logs'
import type { Bucket } from 'aws-cdk-lib/aws-s3'
import type { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { DnsRecordType, type PrivateDnsNamespace, Service } from 'aws-cdk-lib/aws-servicediscovery'
import { Construct } from 'constructs'
import type { StageConfig } from '../config.js'
import { acknowledge } from '../nag.js'
import { PRIVATE_SUBNETS } from '../network-stack.js'
import { renderConf } from './conf.js'
import { NATS_SERVER } from './release.js'
import { renderUserData } from './user-data.js'

/** The properties that all nodes of a cluster share. */
export type NodesShare = {
  readonly config: StageConfig
  readonly vpc: IVpc
  readonly security_group: SecurityGroup
  readonly namespace: PrivateDnsNamespace
  /** The secret with the TLS files and auth.conf, see boot.sh. */
  readonly secret: Secret
  readonly artifacts: Bucket
  readonly log_group: LogGroup
  /** `a`, `b` and `c`. */
  readonly letters: readonly string[]
}

const DNS_TTL_S = 5
/** The tag on the instance, the volume and every other resource of a node. */
const NODE_TAG = 'jetledger:nats-node'
const HEALTHY_WITHIN_MIN = 15

/** The DNS name of a node, which never changes. */
const nodeHost = (letter: string, namespace: string): string => `nats-${letter}.${namespace}`

export class NatsNode extends Construct {
  readonly group: AutoScalingGroup
  readonly host: string
  readonly name: string

  constructor(scope: Construct, id: string, letter: string, zone: string, share: NodesShare) {
    super(scope, id)
    this.name = `nats-${letter}`
    const { name } = this
    this.host = nodeHost(letter, share.namespace.namespaceName)
    Tags.of(this).add(NODE_TAG, this.host)
    const volume = this.makeVolume(share.config, zone)
    const dns = this.makeName(name, share.namespace)
    const role = this.makeRole(share)
    // lazy, because the script contains the id of the group, and the group is made from the script
    const script = Lazy.string({ produce: () => renderUserData(values, conf) })
    this.group = this.makeGroup(zone, share, role, UserData.custom(script))
    const { stackName, region } = Stack.of(this)
    const values = {
      NODE: name,
      REGION: region,
      STACK: stackName,
      GROUP: Stack.of(this).getLogicalId(this.group.node.defaultChild as CfnAutoScalingGroup),
      VOLUME_ID: volume.volumeId,
      BUCKET: share.artifacts.bucketName,
      TARBALL: NATS_SERVER.tarball,
      TARBALL_SHA256: NATS_SERVER.sha256,
      SECRET: share.secret.secretArn,
      DNS_SERVICE: dns.serviceId,
      LOG_GROUP: share.log_group.logGroupName,
    }
    const conf = renderConf({
      server_name: `jetledger-${share.config.stage}-${name}`,
      cluster_name: `jetledger-${share.config.stage}`,
      peers: share.letters.map(each => nodeHost(each, share.namespace.namespaceName)),
      volume_gib: share.config.nats_node.volume_gib,
    })
    this.grant(role, share, volume, dns)
  }

  private makeVolume({ nats_node }: StageConfig, zone: string): Volume {
    return new Volume(this, 'Volume', {
      availabilityZone: zone,
      size: Size.gibibytes(nats_node.volume_gib),
      volumeType: EbsDeviceVolumeType.GP3,
      encrypted: true,
      // the stream is the source of truth, so its disks are kept in every stage
      removalPolicy: RemovalPolicy.RETAIN,
    })
  }

  private makeName(name: string, namespace: PrivateDnsNamespace): Service {
    return new Service(this, 'Name', {
      namespace,
      name,
      dnsRecordType: DnsRecordType.A,
      dnsTtl: Duration.seconds(DNS_TTL_S),
    })
  }

  private makeRole({ secret, artifacts, log_group }: NodesShare): Role {
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('ec2.amazonaws.com') })
    secret.grantRead(role)
    role.addToPolicy(
      new PolicyStatement({
        actions: ['s3:GetObject'],
        resources: [artifacts.arnForObjects(NATS_SERVER.tarball)],
      }),
    )
    log_group.grantWrite(role)
    return role
  }

  private makeGroup(zone: string, share: NodesShare, role: Role, user_data: UserData): AutoScalingGroup {
    const { config, vpc, security_group } = share
    const template = new LaunchTemplate(this, 'Template', {
      instanceType: new InstanceType(config.nats_node.instance_type),
      machineImage: MachineImage.latestAmazonLinux2023({ cpuType: AmazonLinuxCpuType.ARM_64 }),
      securityGroup: security_group,
      role,
      userData: user_data,
      requireImdsv2: true,
      httpPutResponseHopLimit: 1,
      detailedMonitoring: true,
      blockDevices: [
        {
          deviceName: '/dev/xvda',
          volume: BlockDeviceVolume.ebs(10, { encrypted: true, deleteOnTermination: true }),
        },
      ],
    })
    const group = new AutoScalingGroup(this, 'Group', {
      vpc,
      vpcSubnets: { ...PRIVATE_SUBNETS, availabilityZones: [zone] },
      launchTemplate: template,
      minCapacity: 1,
      maxCapacity: 1,
      healthChecks: HealthChecks.ec2(),
      signals: Signals.waitForCount(1, { timeout: Duration.minutes(HEALTHY_WITHIN_MIN) }),
      // only one instance at a time can hold the volume, so the old instance ends first
      updatePolicy: UpdatePolicy.rollingUpdate({
        minInstancesInService: 0,
        maxBatchSize: 1,
        pauseTime: Duration.minutes(HEALTHY_WITHIN_MIN),
        waitOnResourceSignals: true,
      }),
    })
    acknowledge(
      group,
      'AS3',
      'A group of one does not scale; the alarm on its health says when the node is away.',
    )
    return group
  }

  private grant(role: Role, { namespace }: NodesShare, volume: Volume, dns: Service): void {
    const stack = Stack.of(this)
    const arn = (service: string, resource: string, resourceName: string): string =>
      stack.formatArn({ service, resource, resourceName })
    const zone = stack.formatArn({
      service: 'route53',
      region: '',
      account: '',
      resource: 'hostedzone',
      resourceName: namespace.namespaceHostedZoneId,
    })
    const ATTACH = 'ec2:AttachVolume'
    const allow = (action: string, resource: string, conditions = {}): void => {
      role.addToPolicy(new PolicyStatement({ actions: [action], resources: [resource], conditions }))
    }
    allow(ATTACH, arn('ec2', 'volume', volume.volumeId))
    allow(ATTACH, arn('ec2', 'instance', '*'), {
      StringEquals: { [`aws:ResourceTag/${NODE_TAG}`]: this.host },
    })
    allow('servicediscovery:RegisterInstance', dns.serviceArn)
    // RegisterInstance writes the DNS record with the rights of its caller
    allow('route53:ChangeResourceRecordSets', zone)
    allow('cloudformation:SignalResource', stack.stackId)
    // an instance that starts before its role has these rights would give up
    this.group.node.addDependency(role)
    acknowledge(
      role,
      'IAM5[Resource::arn:<AWS::Partition>:ec2:eu-central-1:<AWS::AccountId>:instance/*]',
      'The id of an instance is known once it runs; the condition on its tag leaves this node only.',
    )
  }
}
