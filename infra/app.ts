/**
 * The CDK app: one stack of tables per stage. Its entry is its own, so that the service never loads the CDK.
 */

import { App } from 'aws-cdk-lib'
import { STAGES, TablesStack } from './tables-stack.js'

/** Builds every stack into `app`; needs no account, credentials or network. */
export const buildApp = (app: App = new App()): App => {
  for (const stage of STAGES) {
    new TablesStack(app, `jetledger-tables-${stage}`, { stage, tags: { product: 'jetledger', stage } })
  }
  return app
}
