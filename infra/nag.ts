/**
 * Accepts findings of cdk-nag that are intended: each with its reason, at the narrowest construct that has the finding.
 */

import { Validations } from 'aws-cdk-lib'
import type { IConstruct } from 'constructs'

/** Accepts a finding of the pack AwsSolutions for a reason. `rule` is for example `ECS2` or `IAM5[Resource::*]`. */
export const acknowledge = (construct: IConstruct, rule: string, reason: string): void => {
  Validations.of(construct).acknowledge({ id: `AwsSolutions-${rule}`, reason })
}
