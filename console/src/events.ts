/**
 * Follows the ledger's events over HTTP. The browser's own reader of such streams can send no token, so this one reads the
 * answer of `fetch`; it comes back with the last sequence that it has, so it misses no event and shows none twice.
 */

import { type Amount, pathOf, Refused } from './api.js'
import { authorization } from './session.js'

export type LedgerEvent = {
  readonly seq: number
  readonly at: string
  readonly type: string
  readonly client_id?: string
  readonly asset?: string
  readonly amount?: Amount
  readonly balance?: Amount
  readonly version?: number
  readonly transaction_id?: string
  readonly counterparty?: string
  readonly code?: string
  readonly reason?: string
  readonly by?: string
}

type Message = { readonly id: string | undefined; readonly data: string }

/** Cuts the text of a stream into messages. Gives them, and the rest that is no whole message yet. */
const messagesIn = (text: string): { readonly messages: readonly Message[]; readonly rest: string } => {
  const parts = text.split('\n\n')
  const rest = parts.pop() ?? ''
  const messages = parts.map(part => {
    const lines = part.split('\n')
    const valuesOf = (name: string): readonly string[] =>
      lines.filter(line => line.startsWith(`${name}: `)).map(line => line.slice(name.length + 2))
    return { id: valuesOf('id').at(-1), data: valuesOf('data').join('\n') }
  })
  return { messages, rest }
}

export type FollowState =
  | { readonly tag: 'connecting' }
  | { readonly tag: 'live'; readonly seq: number }
  | { readonly tag: 'waiting'; readonly why: string }
  | { readonly tag: 'refused'; readonly why: string }

export type FollowOptions = {
  /** Where to begin: the events after this sequence; undefined: with what is stored from now on. */
  readonly after_seq: number | undefined
  readonly signal: AbortSignal
  readonly onEvents: (events: readonly LedgerEvent[]) => void
  readonly onState: (state: FollowState) => void
}

const COME_BACK_MS = 2_000
/** The gateway gives a sign of life every 15 s; a connection that is silent for three of them is lost. */
const SILENCE_MS_MAX = 45_000

const pauseMs = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })

const open = async (seq: number | undefined, signal: AbortSignal) => {
  const answer = await fetch(pathOf('/v1/events', { after_seq: seq }), {
    headers: { ...authorization(), accept: 'text/event-stream' },
    signal,
  })
  if (!answer.ok || answer.body === null) {
    const problem = (await answer.json().catch(() => ({}))) as { code?: string; detail?: string }
    throw new Refused(answer.status, problem.code ?? 'UNKNOWN', problem.detail ?? `HTTP ${answer.status}`)
  }
  return answer.body.pipeThrough(new TextDecoderStream()).getReader()
}

/** Reads one connection to its end; gives the last sequence that it brought. */
const readOnce = async (
  begin_seq: number | undefined,
  options: FollowOptions,
): Promise<number | undefined> => {
  let seq = begin_seq
  let unread = ''
  const lost = new AbortController()
  const lose = (): void => lost.abort(new Error('the gateway was silent'))
  let timer = setTimeout(lose, SILENCE_MS_MAX)
  const reader = await open(seq, AbortSignal.any([options.signal, lost.signal]))
  for (;;) {
    const { done, value = '' } = await reader.read()
    clearTimeout(timer)
    if (done) return seq
    timer = setTimeout(lose, SILENCE_MS_MAX)
    const { messages, rest } = messagesIn(unread + value)
    unread = rest
    const last = messages.findLast(({ id }) => id !== undefined)?.id
    if (last !== undefined) seq = Number(last)
    const events = messages
      .filter(({ data }) => data !== '')
      .map(({ data }) => JSON.parse(data) as LedgerEvent)
    if (events.length > 0) options.onEvents(events)
    if (seq !== undefined) options.onState({ tag: 'live', seq })
  }
}

/** Follows until `signal` aborts, or the gateway refuses for good. */
export const followEvents = async (options: FollowOptions): Promise<void> => {
  const { signal, onState } = options
  let seq = options.after_seq
  const track: FollowOptions = {
    ...options,
    onState: state => {
      if (state.tag === 'live') seq = state.seq
      onState(state)
    },
  }
  onState({ tag: 'connecting' })
  while (!signal.aborted) {
    try {
      await readOnce(seq, track)
      onState({ tag: 'waiting', why: 'the gateway ended the stream' })
    } catch (thrown) {
      if (signal.aborted) return
      const why = thrown instanceof Error ? thrown.message : String(thrown)
      if (thrown instanceof Refused && thrown.status < 500 && thrown.status !== 429) {
        onState({ tag: 'refused', why })
        return
      }
      onState({ tag: 'waiting', why })
    }
    await pauseMs(COME_BACK_MS, signal)
  }
}
