/**
 * Runs a stand-in for a DynamoDB table server. It answers every request after 5 ms, about as AWS does, and has no ceiling
 * of its own, so that a benchmark shows the limits of the program instead of those of the embedded server. Its tables are
 * in memory and it checks no signature; conditions and transactions hold as in DynamoDB.
 */

import { createServer, type IncomingMessage } from 'node:http'
import type { ClientMessage } from '../measure/job.js'
import { createActions, DynamoDbError } from '../stand-in/actions.js'
import { ValidationError } from '../stand-in/expression.js'

const ANSWER_AFTER_MS = 5
const LOOPBACK = '127.0.0.1'
const KEEP_ALIVE_MS = 60_000
const BODY_BYTES_MAX = 16_777_216
const CONTENT_TYPE = 'application/x-amz-json-1.0'

type StandInReply = { readonly status: number; readonly body: string }

const readBody = async (request: IncomingMessage): Promise<string> => {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > BODY_BYTES_MAX) throw new ValidationError('a request is too large')
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

const failure = (status: number, type: string, message: string, fields = {}): StandInReply => ({
  status,
  body: JSON.stringify({
    __type: `com.amazonaws.dynamodb.v20120810#${type}`,
    message,
    Message: message,
    ...fields,
  }),
})

const act = createActions()

const replyTo = async (request: IncomingMessage): Promise<StandInReply> => {
  try {
    const action = String(request.headers['x-amz-target']).split('.').at(-1) ?? ''
    return { status: 200, body: JSON.stringify(act(action, JSON.parse(await readBody(request)))) }
  } catch (error) {
    if (error instanceof DynamoDbError) return failure(400, error.type, error.message, error.fields)
    if (error instanceof ValidationError) return failure(400, 'ValidationException', error.message)
    return failure(500, 'InternalServerError', String(error))
  }
}

process.on('disconnect', () => process.exit(0))

const server = createServer((request, response) => {
  void replyTo(request).then(({ status, body }) => {
    setTimeout(() => {
      response.writeHead(status, { 'content-type': CONTENT_TYPE, 'content-length': Buffer.byteLength(body) })
      response.end(body)
    }, ANSWER_AFTER_MS)
  })
})
server.keepAliveTimeout = KEEP_ALIVE_MS
server.listen(Number(process.argv[2]), LOOPBACK, () => {
  const ready: ClientMessage = { tag: 'ready' }
  process.send?.(ready)
})
