/**
 * What `jetledger dev` prints when it is ready: where everything listens, and three lines to paste.
 */

import { resolve } from 'node:path'
import { DEFAULT_DATA_DIR, type Listening } from './environment.js'
import { print } from './output.js'

export const announce = (listening: Listening, health_url: string, data_dir: string): void => {
  const [first] = listening.nats_url.split(',')
  // a command in this folder finds this ledger by itself, unless its data lies elsewhere
  const prefix = data_dir === DEFAULT_DATA_DIR ? '' : `JETLEDGER_DATA_DIR=${data_dir} `
  print(`
Jetledger is ready; Ctrl-C stops it.

  NATS      ${listening.nats_url}
  DynamoDB  ${listening.dynamodb_endpoint}
  health    ${health_url}
  data      ${resolve(data_dir)}

In another terminal:

  ${prefix}npx jetledger request customer.balance '{"client_id":"678"}'
  ${prefix}npx jetledger publish 678 credit 100
  nats req --server ${first} customer.balance '{"client_id":"678"}'
`)
}
