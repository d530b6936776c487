/**
 * What `cdk` runs: the app of the stage and the NATS that the context names (`-c stage=prod -c nats=self-hosted`).
 */

import { App } from 'aws-cdk-lib'
import { buildApp } from './app.js'
import { decodeChoice } from './choice.js'

// only to read the context: it must not write an assembly of its own
const context = new App({ autoSynth: false }).node
buildApp(
  decodeChoice({ stage: context.tryGetContext('stage'), nats: context.tryGetContext('nats') }),
).app.synth()
