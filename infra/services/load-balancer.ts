/**
 * The load balancer of the gateway, which terminates TLS. It is inside the VPC unless the stage opens it to the
 * internet.
 */

import { CfnOutput, CfnParameter, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { type IVpc, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import {
  ApplicationLoadBalancer,
  ApplicationProtocol,
  type ApplicationTargetGroup,
  ListenerCertificate,
  SslPolicy,
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
    gateway.allowHttpFrom(group)
    this.balancer = new ApplicationLoadBalancer(this, 'Balancer', {
      vpc,
      vpcSubnets: is_public ? { subnetGroupName: 'public' } : PRIVATE_SUBNETS,
      internetFacing: is_public,
      securityGroup: group,
      deletionProtection: config.is_protected,
      dropInvalidHeaderFields: true,
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
      protocol: ApplicationProtocol.HTTP,
      targets: [gateway.service],
      deregistrationDelay: Duration.seconds(20),
      healthCheck: {
        // asks only whether the process lives: a new task would not mend the failures that /readyz reports
        path: '/ping',
        interval: Duration.seconds(10),
        timeout: Duration.seconds(3),
        healthyThresholdCount: 2,
        unhealthyThresholdCount: 3,
      },
    })
  }
}
