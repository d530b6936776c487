/**
 * A proxy before a real DynamoDB server: a test sees each request before it is carried out, may hold it back, and may
 * lose its answer.
 */

import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'

const LOOPBACK = '127.0.0.1'

export type WatchedCall = {
  readonly method: string
  readonly operation: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}
/** Takes the place of the server's answer. */
type OwnAnswer = { readonly status: number; readonly json: unknown }
/** What becomes of an answer: it is passed on, its connection is cut instead, or the caller gets another answer. */
type Fate = 'answer' | 'cut' | OwnAnswer
/** Looks at a call; the call is carried out by `carryOut`, which resolves when the server has answered. */
type Watcher = (call: WatchedCall, carryOut: () => Promise<void>) => Promise<Fate>

export type WatchedDynamodb = { readonly endpoint: string; readonly stop: () => Promise<void> }

const bodyOf = async (incoming: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

type ForwardedAnswer = { readonly status: number; readonly body: Buffer }

const forward = (target: URL, { headers, body }: WatchedCall): Promise<ForwardedAnswer> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = target
    request({ hostname, port, method: 'POST', path: '/', headers }, response => {
      bodyOf(response).then(answer => resolve({ status: response.statusCode ?? 500, body: answer }), reject)
    })
      .on('error', reject)
      .end(body)
  })

const answerOf = ({ status, json }: OwnAnswer): ForwardedAnswer => ({
  status,
  body: Buffer.from(JSON.stringify(json)),
})

/** Starts the proxy before the server at `endpoint`. */
export const startWatchedDynamodb = async (endpoint: string, watch: Watcher): Promise<WatchedDynamodb> => {
  const target = new URL(endpoint)
  const server = createServer((incoming, outgoing) => {
    const handle = async (): Promise<void> => {
      const { headers, method = '' } = incoming
      const operation = String(headers['x-amz-target']).split('.').at(-1) ?? ''
      const call: WatchedCall = { method, operation, headers, body: await bodyOf(incoming) }
      let carried_out: ForwardedAnswer | undefined
      const fate = await watch(call, async () => {
        carried_out = await forward(target, call)
      })
      const answer = typeof fate === 'object' ? answerOf(fate) : carried_out
      if (answer === undefined || fate === 'cut') outgoing.destroy()
      else
        outgoing.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' }).end(answer.body)
    }
    handle().catch(() => outgoing.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, LOOPBACK, resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('The proxy has no port')
  return {
    endpoint: `http://${LOOPBACK}:${address.port}`,
    stop: async () => {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}
