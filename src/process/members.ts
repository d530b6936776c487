/**
 * Finds the members of the NATS cluster and their versions, as far as a client can see them.
 *
 * A nats-server sends its version to every TCP client before any login, and sends the addresses of the other servers
 * to its NATS clients. So this code dials each known address, reads the first line, and closes the connection. It
 * cannot see members whose addresses are not advertised (`no_advertise`), members that cannot be reached from here (a
 * load balancer, another network), and members that begin with TLS (`handshake_first`). Known addresses that do not
 * answer are in `unseen`.
 */

import { connect as dial } from 'node:net'
import type { NatsConnection } from 'nats'
import { E } from '../fp.js'
import { isJsonObject, readJson } from '../json.js'

export type Member = { readonly name: string; readonly version: string }

export type Members = {
  readonly seen: readonly Member[]
  /** Known addresses at which no server gave its name and version. */
  readonly unseen: readonly string[]
}

const ASK_MS_MAX = 1_000
const ADDRESSES_MAX = 32
const LINE_BYTES_MAX = 64 * 1024
const PORT = 4222
const INTRODUCTION = 'INFO '

type Address = { readonly hostname: string; readonly port: number }

const addressOf = (text: string): Address | undefined => {
  try {
    const { hostname, port } = new URL(text.includes('://') ? text : `nats://${text}`)
    return hostname === ''
      ? undefined
      : { hostname: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? PORT : Number(port) }
  } catch {
    return undefined
  }
}

const memberIn = (line: string): Member | undefined => {
  const read = line.startsWith(INTRODUCTION) ? readJson(line.slice(INTRODUCTION.length)) : undefined
  if (read === undefined || E.isLeft(read) || !isJsonObject(read.right)) return undefined
  const { server_name, server_id, version } = read.right
  if (typeof version !== 'string' || typeof server_id !== 'string') return undefined
  return { name: typeof server_name === 'string' ? server_name : server_id, version }
}

/** Reads the INFO line that the server at an address sends first; resolves with undefined when none comes in time. */
const askOne = ({ hostname, port }: Address): Promise<Member | undefined> =>
  new Promise(resolve => {
    let line = ''
    const socket = dial({ host: hostname, port })
    const end = (member: Member | undefined): void => {
      clearTimeout(late)
      socket.destroy()
      resolve(member)
    }
    const late = setTimeout(() => end(undefined), ASK_MS_MAX)
    socket.setEncoding('utf8')
    socket.on('error', () => end(undefined))
    socket.on('close', () => end(undefined))
    socket.on('data', (text: string) => {
      line += text
      const length = line.indexOf('\r\n')
      if (length >= 0) end(memberIn(line.slice(0, length)))
      else if (line.length > LINE_BYTES_MAX) end(undefined)
    })
  })

/** The addresses that this connection knows: `urls` from `NATS_URL`, and those from its server. */
const addressesOf = ({ info }: NatsConnection, urls: readonly string[]): readonly string[] => {
  const addresses = [...urls, ...(info?.connect_urls ?? [])]
  return [...new Set(addresses.filter(text => text !== ''))].slice(0, ADDRESSES_MAX)
}

/** Reads name and version of every known server, in a second at most. */
export const askMembers = async (nc: NatsConnection, urls: readonly string[]): Promise<Members> => {
  const addresses = addressesOf(nc, urls)
  const answers = await Promise.all(
    addresses.map(text => {
      const address = addressOf(text)
      return address === undefined ? undefined : askOne(address)
    }),
  )
  const byName = new Map<string, Member>()
  const own = nc.info
  if (own !== undefined) byName.set(own.server_name, { name: own.server_name, version: own.version })
  for (const member of answers) if (member !== undefined) byName.set(member.name, member)
  return {
    seen: [...byName.values()].sort((a, b) => a.name.localeCompare(b.name)),
    unseen: addresses.filter((_, i) => answers[i] === undefined),
  }
}
