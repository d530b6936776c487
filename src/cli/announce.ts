/**
 * Prints the lines of `jetledger dev` when it is ready: the addresses of all parts, and commands to paste.
 */

import { resolve } from 'node:path'
import { DEFAULT_DATA_DIR, type Listening } from '../process/environment.js'
import { printText } from '../process/output.js'

export type Listener = { readonly url: string; readonly secured: boolean }

/**
 * Prints the announcement. `http.secured` means that the gateway requires a token; only the user has one.
 * `nats_version` is the version that the server reports.
 */
export const announce = (
  listening: Listening,
  http: Listener,
  data_dir: string,
  nats_version: string,
): void => {
  const [first] = listening.nats_url.split(',')
  // a command in this folder finds this ledger by itself, unless the data folder is not the default one
  const token = http.secured ? '-H "Authorization: Bearer $TOKEN" ' : ''
  const prefix = data_dir === DEFAULT_DATA_DIR ? '' : `JETLEDGER_DATA_DIR=${data_dir} `
  printText(`
Jetledger is ready; Ctrl-C stops it.

  NATS      ${listening.nats_url}
  version   nats-server ${nats_version}
  DynamoDB  ${listening.dynamodb_endpoint}
  HTTP      ${http.url}
  health    ${http.url}/healthz
  docs      ${http.url}/docs
  data      ${resolve(data_dir)}

In another terminal:

  ${prefix}npx jetledger request customer.balance '{"client_id":"678"}'
  ${prefix}npx jetledger publish 678 credit 100
  curl ${token}${http.url}/v1/customers/678/balance
  curl ${token}-H 'Content-Type: application/json' -d '{"amount":100}' ${http.url}/v1/customers/678/credits
  nats req --server ${first} customer.balance '{"client_id":"678"}'
`)
}
