/**
 * Stands in for a bucket with Object Lock: it takes an object only as S3 documents it for such a bucket (signed, with a
 * checksum and a lock), keeps what was put first, and can be away.
 */

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

type LockedObject = { readonly body: string; readonly until_ms: number }

export type LockedBucket = {
  readonly url: string
  /** By path, e.g. `/heads/heads/00001/...`. */
  readonly objects: ReadonlyMap<string, LockedObject>
  readonly fail: () => void
  readonly work: () => void
  readonly stop: () => Promise<void>
}

const xml = (code: string, message: string): string =>
  `<Error><Code>${code}</Code><Message>${message}</Message><Resource>secret</Resource></Error>`

const problemOf = ({ headers }: IncomingMessage, body: string): string | undefined => {
  const sum = createHash('sha256').update(body)
  if (!/^AWS4-HMAC-SHA256 Credential=.*x-amz-object-lock-mode/.test(headers.authorization ?? ''))
    return 'it is not signed'
  if (headers['x-amz-sdk-checksum-algorithm'] !== 'SHA256') return 'a lock needs a kind of checksum'
  if (headers['x-amz-checksum-sha256'] !== sum.digest('base64')) return 'the checksum is wrong'
  if (headers['x-amz-object-lock-mode'] !== 'COMPLIANCE') return 'it is not locked'
  return headers['if-none-match'] === '*' ? undefined : 'it could replace another object'
}

export const startLockedBucket = async (): Promise<LockedBucket> => {
  const objects = new Map<string, LockedObject>()
  let is_away = false
  const answerOf = (request: IncomingMessage, body: string): readonly [number, string] => {
    const { url: path = '', headers } = request
    if (is_away) return [503, xml('SlowDown', 'Reduce your rate.')]
    const problem = problemOf(request, body)
    if (problem !== undefined) return [400, xml('InvalidRequest', problem)]
    if (objects.has(path)) return [412, xml('PreconditionFailed', 'There is one.')]
    objects.set(path, {
      body,
      until_ms: Date.parse(String(headers['x-amz-object-lock-retain-until-date'])),
    })
    return [200, '']
  }
  const server = createServer(async (request, response) => {
    const [status, answer] = answerOf(request, await text(request))
    response.writeHead(status).end(answer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    fail: () => {
      is_away = true
    },
    work: () => {
      is_away = false
    },
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
