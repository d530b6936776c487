/**
 * Measures the time from publishing an event until it can be read from the table. A probe publishes an event of a
 * customer of its own, and reads the item with strong consistency until the event is in it. A read takes about a millisecond,
 * so the result is too long by up to a millisecond. The HTTP request is written by hand, because the SDK would use CPU that
 * the projector needs.
 */

import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { createHistogram, type Histogram } from '../measure/histogram.js'

const PROBES = 200
/** The longest pause between two probes; it is random, so that they meet the projector at any point of its work. */
const PAUSE_MS_MAX = 20
const READABLE_MS_MAX = 10_000
const ACK_MS_MAX = 5_000
const US_PER_MS = 1_000

type Item = { readonly Item?: { readonly seq?: { readonly N?: string } } }

export type Probing = {
  readonly nc: NatsConnection
  readonly dynamodb_endpoint: string
  readonly table: string
  readonly signal: AbortSignal
}

const createReader = ({ dynamodb_endpoint, table }: Probing) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const { hostname, port } = new URL(dynamodb_endpoint)
  const headers = {
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': 'DynamoDB_20120810.GetItem',
    'x-amz-date': '20260101T000000Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=local/20260101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
  }
  const readSeq = (id: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify({ TableName: table, Key: { id: { S: id } }, ConsistentRead: true })
      const sent = request({ agent, hostname, port, method: 'POST', path: '/', headers }, response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('error', reject)
        response.on('end', () => {
          if (response.statusCode === 200) resolve(Number((JSON.parse(text) as Item).Item?.seq?.N ?? 0))
          else reject(new Error(`the table cannot be read: ${response.statusCode} ${text}`))
        })
      })
      sent.on('error', reject)
      sent.end(body)
    })
  return { readSeq, close: () => agent.destroy() }
}

/** Probes until `isEnded` returns true. Returns the latencies from publishing until the first read that had the event. */
export const probeLag = async (probing: Probing, isEnded: () => boolean): Promise<Histogram> => {
  const { nc, signal } = probing
  const latencies = createHistogram()
  const reader = createReader(probing)
  try {
    for (let n = 0; !isEnded(); n += 1) {
      signal.throwIfAborted()
      const id = `lag-${n % PROBES}`
      const began_ms = performance.now()
      const ack = await nc.request(`customer.balance.${id}`, '{"type":"credit","amount":1}', {
        timeout: ACK_MS_MAX,
      })
      const { seq } = ack.json<{ seq: number }>()
      while ((await reader.readSeq(id)) < seq) {
        if (performance.now() - began_ms > READABLE_MS_MAX)
          throw new Error(`an event was not readable within ${READABLE_MS_MAX} ms`)
      }
      latencies.record((performance.now() - began_ms) * US_PER_MS)
      await pause(Math.random() * PAUSE_MS_MAX)
    }
    return latencies
  } finally {
    reader.close()
  }
}
