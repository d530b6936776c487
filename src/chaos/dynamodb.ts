/**
 * Starts the DynamoDB of a chaos run: a real DynamoDB-compatible server behind an HTTP hop, which can make it slow, return
 * errors or throttle. The checker reads the tables around the hop.
 */

import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { findServerBinary } from '../embedded/binaries.js'
import { dynamodbServer } from '../embedded/dynamodb.js'
import { freePort, LOOPBACK } from '../embedded/ports.js'
import type { Reaper } from '../embedded/reaper.js'
import { manageProcess } from './process.js'

/** The hop's treatment of calls: it delays a call, or refuses it with an error of DynamoDB before it has an effect. */
export type Mood =
  | { readonly tag: 'well' }
  | { readonly tag: 'slow'; readonly by_ms: number; readonly only_writes?: boolean }
  | { readonly tag: 'refusing'; readonly status: number; readonly error: string; readonly share: number }

export type Dynamodb = {
  /** The address of the server itself, for a client that only observes. */
  readonly direct_endpoint: string
  /** The port of the HTTP hop. */
  readonly port: number
  readonly setMood: (mood: Mood) => void
  readonly isRunning: () => boolean
  readonly start: () => Promise<void>
  readonly end: () => Promise<void>
  /** Makes a copy of all tables; the server must not run. */
  readonly keep: () => void
  /** Replaces the tables by the copy; the server must not run. */
  readonly putBack: () => void
  readonly stop: () => Promise<void>
}

const SERVICE = 'com.amazonaws.dynamodb.v20120810#'
const CONTENT_TYPE = 'application/x-amz-json-1.0'
/** The endings of SQLite's files: the database, and two files that exist beside it while there are writes. */
const FILES = ['', '-wal', '-shm']

const forward = (
  agent: Agent,
  port: number,
  incoming: IncomingMessage,
  body: Buffer,
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const { method, url, headers } = incoming
    const sent = request({ agent, host: LOOPBACK, port, method, path: url, headers }, resolve)
    sent.on('error', reject)
    sent.end(body)
  })

const refuse = (outgoing: ServerResponse, status: number, error: string): void => {
  outgoing.writeHead(status, { 'content-type': CONTENT_TYPE })
  outgoing.end(JSON.stringify({ __type: SERVICE + error, message: `${error}, by the chaos run` }))
}

const WRITES = /\.(?:TransactWriteItems|BatchWriteItem|PutItem|UpdateItem|DeleteItem)$/

const isWrite = ({ headers }: IncomingMessage): boolean => WRITES.test(String(headers['x-amz-target']))

/** Spreads refusals evenly: with a share of one half, every second call is refused. */
const createShare = (): ((share: number) => boolean) => {
  let sum = 0
  return share => {
    sum += share
    if (sum < 1) return false
    sum -= 1
    return true
  }
}

const startHop = async (target_port: number, moodOf: () => Mood) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const isDue = createShare()
  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = await buffer(incoming)
    const mood = moodOf()
    if (mood.tag === 'refusing' && isDue(mood.share)) return refuse(outgoing, mood.status, mood.error)
    if (mood.tag === 'slow' && (mood.only_writes !== true || isWrite(incoming))) await pause(mood.by_ms)
    const answer = await forward(agent, target_port, incoming, body)
    const content = await buffer(answer)
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
    outgoing.end(content)
  }
  const server = createServer((incoming, outgoing) => {
    // when the server behind the hop is away, the caller sees a broken connection
    handle(incoming, outgoing).catch(() => outgoing.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, LOOPBACK, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: (): Promise<void> => {
      agent.destroy()
      server.closeAllConnections()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}

/** Starts the server and its hop. */
export const startDynamodb = async (
  folder: string,
  log_folder: string,
  reaper: Reaper,
): Promise<Dynamodb> => {
  const port = await freePort()
  const file = join(folder, 'dynamodb.db')
  const spec = dynamodbServer(file, port, findServerBinary('dynoxide'), join(log_folder, 'dynamodb.log'))
  const server = manageProcess(spec, reaper)
  await server.start()
  let mood: Mood = { tag: 'well' }
  const hop = await startHop(port, () => mood)
  const copy = (from: string, to: string): void => {
    for (const end of FILES) {
      rmSync(to + end, { force: true })
      if (existsSync(from + end)) copyFileSync(from + end, to + end)
    }
  }
  return {
    direct_endpoint: `http://${LOOPBACK}:${port}`,
    port: hop.port,
    setMood: next => {
      mood = next
    },
    isRunning: server.isRunning,
    start: () => server.start(),
    end: server.end,
    keep: () => copy(file, `${file}.kept`),
    putBack: () => copy(`${file}.kept`, file),
    stop: async () => {
      await hop.close()
      await server.end()
    },
  }
}
