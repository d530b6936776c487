/**
 * Findings of cdk-nag that are meant: each with its reason, at the narrowest construct that has it.
 */

import { Validations } from 'aws-cdk-lib'
import type { IConstruct } from 'constructs'

/** Says why a finding of the pack AwsSolutions stays; `rule` as `ECS2`, or `IAM5[Resource::*]`. */
export const acknowledge = (construct: IConstruct, rule: string, reason: string): void => {
  Validations.of(construct).acknowledge({ id: `AwsSolutions-${rule}`, reason })
}
