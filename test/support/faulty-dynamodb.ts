/**
 * Makes a DynamoDB server fail in the ways of the real DynamoDB: an HTTP proxy answers a share of the calls with the errors
 * that AWS documents, drops connections, answers late after the work was done, and leaves keys of a BatchGetItem
 * unprocessed.
 */

import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { randomFrom } from '../../src/random.js'

const LOOPBACK = '127.0.0.1'
const CODEC = 'application/x-amz-json-1.0'
const SERVICE = 'com.amazonaws.dynamodb.v20120810#'

export const FAULTS = [
  /** The call is refused and has no effect. */
  'throttled',
  'throughput',
  'conflict',
  'throttled transaction',
  'internal error',
  'dropped before',
  /** The call has its effect, but the caller does not learn of it. */
  'dropped after',
  'internal error after',
  'late',
  /** The call is done in part, and the answer says so. */
  'unprocessed',
] as const
export type Fault = (typeof FAULTS)[number]

export type FaultyDynamodb = {
  readonly endpoint: string
  /** Sets the share of failing calls, 0 to 1. */
  readonly setShare: (share: number) => void
  /** From now on refuses writes whose body contains this text, with `ValidationException`; undefined refuses none. */
  readonly refuse: (text: string | undefined) => void
  /** The number of times that each fault was inflicted. */
  readonly inflicted: () => ReadonlyMap<Fault, number>
  readonly stop: () => Promise<void>
}

export type FaultyOptions = {
  /** The possible faults; all of them unless stated. */
  readonly faults?: readonly Fault[]
  /** The delay of a late answer; it must be longer than the client waits. */
  readonly late_ms?: number
}

type Call = {
  readonly operation: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}
type ProxyAnswer = {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: Buffer
}

/** The faults are the same in every run with the same calls. */
const SEED = 20_261_121

const readAll = async (stream: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const answerOf = (status: number, json: unknown, checked: boolean): ProxyAnswer => {
  const body = Buffer.from(JSON.stringify(json))
  return {
    status,
    body,
    headers: {
      'content-type': CODEC,
      'content-length': String(body.length),
      ...(checked ? { 'x-amz-crc32': String(crc32(body)) } : {}),
    },
  }
}

const failure = (status: number, name: string, checked: boolean): ProxyAnswer =>
  answerOf(status, { __type: SERVICE + name, message: `${name}, by the test` }, checked)

/** The answer of a cancelled transaction, with a reason for one of its items and none for the others. */
const cancelled = ({ body }: Call, code: string, at: number, checked: boolean): ProxyAnswer => {
  const { TransactItems } = JSON.parse(body.toString()) as { TransactItems: unknown[] }
  const reasons = TransactItems.map(() => ({ Code: 'None' }) as { Code: string; Message?: string })
  reasons[Math.floor(at * reasons.length)] = { Code: code, Message: `${code}, by the test` }
  return answerOf(
    400,
    {
      __type: `${SERVICE}TransactionCanceledException`,
      Message: `Transaction cancelled, please refer cancellation reasons for specific reasons [${code}]`,
      CancellationReasons: reasons,
    },
    checked,
  )
}

type Keys = Record<string, { Keys: unknown[]; ConsistentRead?: boolean }>

/** Splits a call into the call with the first half of its keys, and the other keys. */
const halved = (call: Call): { readonly call: Call; readonly left: Keys } => {
  const parsed = JSON.parse(call.body.toString()) as { RequestItems: Keys }
  const [done, left]: [Keys, Keys] = [{}, {}]
  for (const [table, wanted] of Object.entries(parsed.RequestItems)) {
    const half = Math.ceil(wanted.Keys.length / 2)
    done[table] = { ...wanted, Keys: wanted.Keys.slice(0, half) }
    if (wanted.Keys.length > half) left[table] = { ...wanted, Keys: wanted.Keys.slice(half) }
  }
  return { call: { ...call, body: Buffer.from(JSON.stringify({ ...parsed, RequestItems: done })) }, left }
}

const fits = (fault: Fault, { operation }: Call): boolean => {
  if (fault === 'conflict' || fault === 'throttled transaction') return operation === 'TransactWriteItems'
  return fault !== 'unprocessed' || operation === 'BatchGetItem'
}

/** Sends calls on to the server at `target`. */
const forwardTo =
  (target: URL): ((call: Call) => Promise<ProxyAnswer>) =>
  ({ headers, body }) =>
    new Promise((resolve, reject) => {
      const sent = request(
        {
          host: LOOPBACK,
          port: target.port,
          method: 'POST',
          path: '/',
          headers: { ...headers, host: target.host, 'content-length': String(body.length) },
        },
        response => {
          readAll(response).then(answer => {
            const { statusCode: status = 500, headers: said } = response
            const kept = Object.entries(said).filter(([name]) => name.startsWith('x-amz'))
            resolve({
              status,
              body: answer,
              headers: {
                'content-type': CODEC,
                'content-length': String(answer.length),
                ...(Object.fromEntries(kept) as Record<string, string>),
              },
            })
          }, reject)
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })

/** Inflicts a fault on a call. */
const inflictWith = (
  forward: (call: Call) => Promise<ProxyAnswer>,
  random: () => number,
  late_ms: number,
): ((fault: Fault, call: Call) => Promise<ProxyAnswer | undefined>) => {
  const unprocessed = async (call: Call): Promise<ProxyAnswer> => {
    const { call: half, left } = halved(call)
    const { status, body } = await forward(half)
    if (status !== 200) return answerOf(status, JSON.parse(body.toString()), false)
    return answerOf(200, { ...(JSON.parse(body.toString()) as object), UnprocessedKeys: left }, true)
  }

  // when the result is undefined, the connection is dropped
  return async (fault, call) => {
    const checked = random() < 0.5
    switch (fault) {
      case 'throttled':
        return failure(400, 'ThrottlingException', checked)
      case 'throughput':
        return failure(400, 'ProvisionedThroughputExceededException', checked)
      case 'conflict':
        return cancelled(call, 'TransactionConflict', random(), checked)
      case 'throttled transaction':
        return cancelled(call, 'ThrottlingError', random(), checked)
      case 'internal error':
        return failure(500, 'InternalServerError', checked)
      case 'dropped before':
        return undefined
      case 'dropped after':
        await forward(call)
        return undefined
      case 'internal error after':
        await forward(call)
        return failure(500, 'InternalServerError', checked)
      case 'late': {
        const answer = await forward(call)
        await sleep(late_ms)
        return answer
      }
      case 'unprocessed':
        return unprocessed(call)
    }
  }
}

/** Starts the proxy before the server at `endpoint`; it begins without faults. */
export const startFaultyDynamodb = async (
  endpoint: string,
  { faults = FAULTS, late_ms = 2_000 }: FaultyOptions = {},
): Promise<FaultyDynamodb> => {
  const random = randomFrom(SEED)
  const inflicted = new Map<Fault, number>()
  let share = 0
  let refused_text: string | undefined

  const forward = forwardTo(new URL(endpoint))

  const inflict = inflictWith(forward, random, late_ms)

  const choose = (call: Call): Fault | undefined => {
    if (random() >= share) return undefined
    const fitting = faults.filter(fault => fits(fault, call))
    // a fault that was never inflicted comes first, so that few calls are enough for every fault
    const fresh = fitting.filter(fault => !inflicted.has(fault))
    const possible = fresh.length > 0 ? fresh : fitting
    return possible[Math.floor(random() * possible.length)]
  }

  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { headers } = incoming
    const operation = String(headers['x-amz-target']).split('.').at(-1) ?? ''
    const call: Call = { operation, headers, body: await readAll(incoming) }
    if (
      refused_text !== undefined &&
      operation === 'TransactWriteItems' &&
      call.body.includes(refused_text)
    ) {
      const answer = failure(400, 'ValidationException', false)
      outgoing.writeHead(answer.status, answer.headers)
      outgoing.end(answer.body)
      return
    }
    const fault = choose(call)
    if (fault !== undefined) inflicted.set(fault, (inflicted.get(fault) ?? 0) + 1)
    const answer = fault === undefined ? await forward(call) : await inflict(fault, call)
    if (answer === undefined) {
      outgoing.destroy()
      return
    }
    outgoing.writeHead(answer.status, answer.headers)
    outgoing.end(answer.body)
  }

  const server = createServer((incoming, outgoing) => {
    // when the server behind the proxy is away, the connection is dropped
    handle(incoming, outgoing).catch(() => outgoing.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, LOOPBACK, resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('The proxy has no port')
  return {
    endpoint: `http://${LOOPBACK}:${address.port}`,
    setShare: next => {
      share = next
    },
    refuse: text => {
      refused_text = text
    },
    inflicted: () => inflicted,
    stop: async () => {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}
