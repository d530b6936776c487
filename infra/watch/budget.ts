/**
 * The monthly budget of everything that carries the stage's tag, with a warning before it is spent.
 */

import { CfnBudget } from 'aws-cdk-lib/aws-budgets'
import type { Topic } from 'aws-cdk-lib/aws-sns'
import type { Construct } from 'constructs'
import type { StageConfig } from '../config.js'

const WARN_AT_PERCENT = 80

/** Adds the budget. The tag `cost-centre` has to be activated for cost allocation once per account. */
export const addBudget = (scope: Construct, config: StageConfig, topic: Topic): void => {
  const { stage, budget_usd_per_month } = config
  const subscribers = [{ subscriptionType: 'SNS', address: topic.topicArn }]
  new CfnBudget(scope, 'Budget', {
    budget: {
      budgetName: `jetledger-${stage}`,
      budgetType: 'COST',
      timeUnit: 'MONTHLY',
      budgetLimit: { amount: budget_usd_per_month, unit: 'USD' },
      costFilters: { TagKeyValue: [`user:cost-centre$jetledger-${stage}`] },
    },
    notificationsWithSubscribers: (['ACTUAL', 'FORECASTED'] as const).map(notificationType => ({
      notification: {
        notificationType,
        comparisonOperator: 'GREATER_THAN',
        threshold: notificationType === 'ACTUAL' ? WARN_AT_PERCENT : 100,
        thresholdType: 'PERCENTAGE',
      },
      subscribers,
    })),
  })
}
