/**
 * What `cdk` runs: the app of the stage and the NATS that the context names (`-c stage=prod -c nats=self-hosted`).
 */

import { App } from 'aws-cdk-lib'
import { buildApp } from './app.js'
import { decodeChoice } from './choice.js'

const context = new App().node
buildApp(
  decodeChoice({ stage: context.tryGetContext('stage'), nats: context.tryGetContext('nats') }),
).app.synth()
