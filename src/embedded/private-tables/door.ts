/**
 * The table server of `jetledger dev --secure`, as DynamoDB's clients see it: HTTP on the loopback interface, for requests
 * whose access key is the secret of this run. Everybody else, a web page or another user of the machine, gets one refusal.
 *
 * dynoxide alone answers everybody who finds its port, and web pages by CORS. So here it has no port: this door calls its
 * tools over pipes (tool-link.ts).
 */

import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { E } from '../../fp.js'
import { StartError } from '../child.js'
import { LOOPBACK } from '../ports.js'
import type { ToolLink } from './tool-link.js'
import { copyKept, type Reply, refusal, replyOfError, serversFault, toolRequest } from './tool-requests.js'

export type Door = { readonly close: () => Promise<void> }

export type DoorOptions = {
  readonly link: ToolLink
  /** The access key of the requests that are answered. */
  readonly key: string
  readonly port: number
  readonly log: Logger
}

const TARGET = /^DynamoDB_20120810\.(\w+)$/
const CREDENTIAL = /\bCredential=([^/,\s]+)\//
/** The size of DynamoDB's own largest request. */
const BODY_BYTES_MAX = 16 * 1024 * 1024
const CONNECTIONS_MAX = 1_024
const HEADERS_MS_MAX = 5_000
const REQUEST_MS_MAX = 10_000

const REFUSED: Reply = {
  ...refusal('UnrecognizedClientException', 'this table server answers its own ledger only'),
  status: 403,
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Reads the body; undefined when it is too large. */
const bodyOf = async (request: IncomingMessage): Promise<string | undefined> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const send = (response: ServerResponse, { status, body }: Reply, more: Record<string, string> = {}): void => {
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.0',
    'content-length': Buffer.byteLength(body),
    ...more,
  })
  response.end(body)
}

/** The tool that deletes a table first keeps a copy of it, which nobody needs: a table is a fold of the stream. */
const removeCopy = async ({ link, log }: DoorOptions, text: string): Promise<void> => {
  const name = copyKept(text)
  if (name === undefined) return
  const { is_error, text: why } = await link.call({ tool: 'delete_snapshot', args: JSON.stringify({ name }) })
  if (is_error) log.warn({ name, why }, 'the copy of a deleted table could not be removed')
}

const answer = async (options: DoorOptions, operation: string, body: string): Promise<Reply> => {
  const { link } = options
  if (link.isBusy()) return refusal('ThrottlingException', 'too many requests are in flight')
  const request = toolRequest(operation, body)
  if (E.isLeft(request)) return request.left
  try {
    const { text, is_error } = await link.call(request.right)
    if (is_error) return replyOfError(text)
    if (operation === 'DeleteTable') await removeCopy(options, text)
    return { status: 200, body: text }
  } catch (cause) {
    return serversFault(cause instanceof Error ? cause.message : String(cause))
  }
}

const handle = async (
  options: DoorOptions,
  isOwn: (authorization: string) => boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const { authorization = '', 'x-amz-target': target } = request.headers
  if (!isOwn(authorization)) return send(response, REFUSED, { connection: 'close' })
  const [, operation = ''] = TARGET.exec(String(target)) ?? []
  const body = await bodyOf(request)
  if (body === undefined)
    return send(response, refusal('RequestEntityTooLarge', `more than ${BODY_BYTES_MAX} bytes`), {
      connection: 'close',
    })
  send(response, await answer(options, operation, body))
}

/** Opens the door. Throws `StartError` when the port is taken. */
export const openDoor = async (options: DoorOptions): Promise<Door> => {
  const { key, port, log } = options
  const own = digest(key)
  const isOwn = (authorization: string): boolean =>
    timingSafeEqual(digest(CREDENTIAL.exec(authorization)?.[1] ?? ''), own)
  const server = createServer({ headersTimeout: HEADERS_MS_MAX, requestTimeout: REQUEST_MS_MAX })
  server.maxConnections = CONNECTIONS_MAX
  server.on('request', (request, response) => {
    handle(options, isOwn, request, response).catch((err: unknown) => {
      log.debug({ err }, 'a request to the table server was cut off')
      response.destroy()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', cause =>
      reject(new StartError('The table server cannot listen.', cause.message, { cause })),
    )
    server.listen({ port, host: LOOPBACK, exclusive: true }, resolve)
  })
  return {
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
