/** `jetledger control-plane certs`: makes the certificates of nats-servers of one's own. It connects to nothing. */

import { join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { makeCertificates } from '../../embedded/secure/certificates.js'
import { Failure } from '../../process/failure.js'
import { print, printJson, tell } from '../../process/output.js'

/** A name or an IPv4 address, as it stands in the addresses of clients and routes. */
const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/

const hosts = (text: string, before: readonly string[] | undefined): readonly string[] => {
  if (!HOST.test(text)) throw new InvalidArgumentError('must be the name or the IPv4 address of a server.')
  return [...(before ?? []), text]
}

const certs = (folder: string, of_hosts: readonly string[], { json }: { readonly json?: true }): void => {
  try {
    makeCertificates(folder, of_hosts)
  } catch (cause) {
    throw new Failure(cause instanceof Error ? cause.message : String(cause), { cause })
  }
  const files = ['ca.pem', 'node.pem', 'node.key'].map(file => join(folder, file))
  if (json) printJson({ files })
  else for (const file of files) print(file)
  tell(`keep ${join(folder, 'ca.key')} offline; clients need NATS_TLS_CA=ca.pem`)
}

export const certsCommand = (parent: Command): void => {
  parent
    .command('certs')
    .description('make a certificate for servers of your own, signed by a CA of your own, with openssl')
    .argument('<folder>', 'where the files are written; a CA in it is used again')
    .argument('<host...>', 'the names and addresses by which the servers are reached', hosts)
    .option('--json', 'print the paths of the files as JSON')
    .action(certs)
}
