/**
 * Prints the lines of `jetledger dev` when it is ready: the addresses of all parts, and commands to paste.
 */

import { resolve } from 'node:path'
import { calledFrom, shellWord } from '../process/called.js'
import { DEFAULT_DATA_DIR, type Listening } from '../process/environment.js'
import { printText } from '../process/output.js'
import type { HttpCaller, Security } from './dev-secure.js'

export type Announced = {
  readonly listening: Listening
  /** `secured` means that the gateway requires a token. */
  readonly http: { readonly url: string; readonly secured: boolean }
  readonly data_dir: string
  /** The version that nats-server reports. */
  readonly version: string
  readonly security: Security | undefined
}

const PROGRAM = calledFrom(process.cwd())
const BALANCE = `customer.balance '{"client_id":"678"}'`
const CREDIT = `-H 'Content-Type: application/json' -d '{"amount":100}'`

const addresses = ({ listening, http, data_dir, version }: Announced): string => `
  NATS      ${listening.nats_url}
  version   nats-server ${version}
  DynamoDB  ${listening.dynamodb_endpoint}
  HTTP      ${http.url}
  health    ${http.url}/healthz
  docs      ${http.url}/docs
  data      ${resolve(data_dir)}`

/** A command in this folder finds this ledger by itself, unless the data folder is not the default one. */
const prefixOf = (data_dir: string): string =>
  data_dir === DEFAULT_DATA_DIR ? '' : `JETLEDGER_DATA_DIR=${shellWord(data_dir)} `

const firstOf = ({ nats_url }: Listening): string => nats_url.split(',')[0] ?? nats_url

const openLines = ({ listening, http, data_dir }: Announced): string => {
  // only the user has a token
  const token = http.secured ? '-H "Authorization: Bearer $TOKEN" ' : ''
  const prefix = prefixOf(data_dir)
  return `In another terminal:

  ${prefix}${PROGRAM} request ${BALANCE}
  ${prefix}${PROGRAM} publish 678 credit 100
  curl ${token}${http.url}/v1/customers/678/balance
  curl ${token}${CREDIT} ${http.url}/v1/customers/678/credits
  nats req --server ${firstOf(listening)} ${BALANCE}
`
}

const USERS = `
  reader      asks, and can make nothing be written; the user of a command that names none
  client      asks, and sends commands for every customer
  publisher   hands in events of every customer (customer.event.<id>)
  operator    makes the streams, settles dead letters: status, dead-letters, parked, stream, recover
  verify, replay, seed                          the subcommands of these names
  commands, projections, queries, gateway       the roles of jetledger serve`

const securedLines = ({ listening, http, data_dir }: Announced, security: Security): string => {
  const { servers, headerFileOf } = security
  const ca = shellWord(servers.ca_file)
  const as = (user: string): string => `JETLEDGER_USER=${user} ${prefixOf(data_dir)}`
  const curl = (caller: HttpCaller): string => `curl --cacert ${ca} -H @${shellWord(headerFileOf(caller))}`
  const nats = (user: string): string =>
    `--server ${firstOf(listening)} --creds ${shellWord(servers.credsFileOf(user))} --tlsca ${ca} --inbox-prefix _INBOX.${user}`
  return `The logins are in ${servers.folder}, which only you can read. JETLEDGER_USER names the user of a command:
${USERS}

In another terminal:

  ${prefixOf(data_dir)}${PROGRAM} request ${BALANCE}
  ${as('client')}${PROGRAM} credit 678 100
  ${as('publisher')}${PROGRAM} publish 678 debit 25
  ${as('operator')}${PROGRAM} dead-letters list
  ${curl('reader')} ${http.url}/v1/customers/678/balance
  ${curl('client')} ${CREDIT} ${http.url}/v1/customers/678/credits
  nats req ${nats('reader')} ${BALANCE}
`
}

export const announce = (announced: Announced): void => {
  const { security } = announced
  const lines = security === undefined ? openLines(announced) : securedLines(announced, security)
  printText(`
Jetledger is ready; Ctrl-C stops it.
${addresses(announced)}

${lines}`)
}
