/**
 * The load balancer of the gateway. It ends the callers' TLS and speaks TLS to the tasks, whose certificate it does not
 * verify: that is what load balancers of this kind do. It is inside the VPC unless the stage opens it to the internet.
 *
 * A task that has lost its connection to NATS leaves the rotation after about 10 s, and ECS replaces it. When NATS is away
 * for all tasks, the balancer sends requests to all of them, and each is answered with an error; replacing them costs
 * nothing, because a gateway holds no state.
 */

import { CfnOutput, CfnParameter, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { type IVpc, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import {
  ApplicationLoadBalancer,
  ApplicationProtocol,
  type ApplicationTargetGroup,
  ListenerCertificate,
  Protocol,
  SslPolicy,
  XffHeaderProcessingMode,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket } from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'
import type { StageConfig } from '../config.js'
import { acknowledge } from '../nag.js'
import { HTTP_PORT } from '../names.js'
import { PRIVATE_SUBNETS } from '../network-stack.js'
import type { JetledgerService } from './service.js'

type Props = { readonly config: StageConfig; readonly vpc: IVpc; readonly gateway: JetledgerService }

export class GatewayFront extends Construct {
  readonly balancer: ApplicationLoadBalancer
  readonly targets: ApplicationTargetGroup

  constructor(scope: Construct, id: string, { config, vpc, gateway }: Props) {
    super(scope, id)
    const is_public = config.gateway_open_to === 'internet'
    const group = new SecurityGroup(this, 'Group', {
      vpc,
      description: 'The load balancer of the gateway',
      allowAllOutbound: false,
    })
    group.addIngressRule(is_public ? Peer.anyIpv4() : Peer.ipv4(config.vpc_cidr), Port.tcp(443), 'HTTPS')
    if (is_public) acknowledge(group, 'EC23', 'The stage opens its gateway to the internet, for HTTPS only.')
    group.addEgressRule(gateway.group, Port.tcp(HTTP_PORT), 'the tasks of the gateway')
    this.balancer = new ApplicationLoadBalancer(this, 'Balancer', {
      vpc,
      vpcSubnets: is_public ? { subnetGroupName: 'public' } : PRIVATE_SUBNETS,
      internetFacing: is_public,
      // immutable, because the targets would add a way to every group of theirs, and one leads to NATS
      securityGroup: SecurityGroup.fromSecurityGroupId(this, 'Fixed', group.securityGroupId, {
        mutable: false,
      }),
      deletionProtection: config.is_protected,
      dropInvalidHeaderFields: true,
      // the gateway takes the caller's address from the last entry, which this balancer adds (HTTP_TRUST_PROXY)
      xffHeaderProcessingMode: XffHeaderProcessingMode.APPEND,
    })
    this.balancer.logAccessLogs(this.accessLogs(config) as IBucket)
    this.targets = this.listen(gateway)
    new CfnOutput(Stack.of(this), 'GatewayHost', { value: this.balancer.loadBalancerDnsName })
  }

  private accessLogs({ log_retention_days, is_protected }: StageConfig): Bucket {
    const bucket = new Bucket(this, 'AccessLogs', {
      // the only encryption with which load balancers can write
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      lifecycleRules: [{ expiration: Duration.days(log_retention_days) }],
      removalPolicy: is_protected ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
    acknowledge(bucket, 'S1', 'It holds access logs itself.')
    return bucket
  }

  private listen(gateway: JetledgerService): ApplicationTargetGroup {
    const certificate = new CfnParameter(Stack.of(this), 'CertificateArn', {
      allowedPattern: 'arn:[\\w-]+:acm:.+',
      description: 'The certificate of the name under which the gateway is called',
    })
    const listener = this.balancer.addListener('Https', {
      port: 443,
      protocol: ApplicationProtocol.HTTPS,
      certificates: [ListenerCertificate.fromArn(certificate.valueAsString)],
      sslPolicy: SslPolicy.TLS13_RES,
      open: false,
    })
    return listener.addTargets('Gateway', {
      port: HTTP_PORT,
      protocol: ApplicationProtocol.HTTPS,
      targets: [gateway.service],
      deregistrationDelay: Duration.seconds(20),
      healthCheck: {
        // a gateway without a connection to NATS is not ready; one without a service behind it still is
        path: '/readyz',
        protocol: Protocol.HTTPS,
        interval: Duration.seconds(5),
        timeout: Duration.seconds(4),
        healthyThresholdCount: 2,
        unhealthyThresholdCount: 2,
      },
    })
  }
}
