/**
 * Calls the tools of a dynoxide process over its standard input and output, by JSON-RPC as the Model Context Protocol has
 * it. So the process listens nowhere, and only its parent can reach it.
 */

import { createInterface } from 'node:readline'
import { E } from '../../fp.js'
import { isJsonObject, type JsonObject, readJson } from '../../json.js'
import type { Pipes } from '../child.js'
import type { ToolRequest } from './tool-requests.js'

/** What a tool gave back; `is_error`: the text describes an error. */
type ToolResult = { readonly text: string; readonly is_error: boolean }

export type ToolLink = {
  /** Takes the pipes of a process that has just been started; calls to the process before it fail. */
  readonly attach: (pipes: Pipes) => void
  /** Rejects when the process ends, or gives no result in time: then it is not known whether the call was carried out. */
  readonly call: (request: ToolRequest) => Promise<ToolResult>
  /** Whether the process answers. */
  readonly isReady: () => Promise<boolean>
  /** Whether so many calls are in flight that another one has to wait for its caller's next try. */
  readonly isBusy: () => boolean
}

const CALL_MS_MAX = 10_000
const IN_FLIGHT_MAX = 512
const PROTOCOL = JSON.stringify({
  protocolVersion: '2025-03-26',
  capabilities: {},
  clientInfo: { name: 'jetledger', version: '1' },
})
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}\n'

type Waiting = { readonly resolve: (reply: JsonObject) => void; readonly reject: (error: Error) => void }

/** The conversation with one process. */
type Talk = {
  /** Sends a request; `params` is JSON. */
  readonly send: (method: string, params: string) => Promise<JsonObject>
}

const resultOf = ({ result, error }: JsonObject): ToolResult => {
  if (isJsonObject(error)) return { text: String(error.message), is_error: true }
  const content = isJsonObject(result) && Array.isArray(result.content) ? result.content : []
  const [first] = content as readonly unknown[]
  if (!isJsonObject(result) || !isJsonObject(first) || typeof first.text !== 'string')
    throw new Error('the table server gave no result')
  return { text: first.text, is_error: result.isError === true }
}

const startTalk = ({ stdin, stdout }: Pipes): Talk => {
  const waiting = new Map<number, Waiting>()
  let ended = false
  let calls = 0
  const end = (): void => {
    ended = true
    for (const { reject } of waiting.values()) reject(new Error('the table server ended'))
    waiting.clear()
  }
  stdin.on('error', end)
  const lines = createInterface({ input: stdout })
  lines.on('close', end)
  lines.on('line', line => {
    const read = readJson(line)
    if (E.isLeft(read) || !isJsonObject(read.right)) return
    const { id } = read.right
    if (typeof id !== 'number') return
    waiting.get(id)?.resolve(read.right)
    waiting.delete(id)
  })
  const send: Talk['send'] = (method, params) =>
    new Promise((resolve, reject) => {
      if (ended) throw new Error('the table server ended')
      calls += 1
      const id = calls
      const late = setTimeout(() => {
        waiting.delete(id)
        reject(new Error(`the table server gave no result within ${CALL_MS_MAX} ms`))
      }, CALL_MS_MAX)
      const settled =
        <A>(settle: (value: A) => void) =>
        (value: A): void => {
          clearTimeout(late)
          settle(value)
        }
      waiting.set(id, { resolve: settled(resolve), reject: settled(reject) })
      stdin.write(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}\n`)
    })
  send('initialize', PROTOCOL).then(
    () => stdin.write(INITIALIZED),
    // whether the process answers is found out by `isReady`
    () => undefined,
  )
  return { send }
}

export const createToolLink = (): ToolLink => {
  let talk: Talk | undefined
  let in_flight = 0
  const call: ToolLink['call'] = async ({ tool, args }) => {
    if (talk === undefined) throw new Error('the table server has not started')
    in_flight += 1
    try {
      return resultOf(await talk.send('tools/call', `{"name":"${tool}","arguments":${args}}`))
    } finally {
      in_flight -= 1
    }
  }
  return {
    attach: pipes => {
      talk = startTalk(pipes)
    },
    call,
    isReady: async () => !(await call({ tool: 'list_tables', args: '{}' })).is_error,
    isBusy: () => in_flight >= IN_FLIGHT_MAX,
  }
}
