/**
 * The program that `cdk` runs: it builds the app of the stage and the NATS in the context (`-c stage=prod -c
 * nats=self-hosted`).
 */

import { App } from 'aws-cdk-lib'
import { buildApp } from './app.js'
import { decodeChoice } from './choice.js'

// this first app only reads the context, and must not write an assembly
const context = new App({ autoSynth: false }).node
buildApp(
  decodeChoice({ stage: context.tryGetContext('stage'), nats: context.tryGetContext('nats') }),
).app.synth()
