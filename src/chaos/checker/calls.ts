/**
 * Reads `history.jsonl` back as a list of calls, each with its end.
 */

import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Kind } from '../history.js'
import { countOf, field, isObject, type Json, readJson, readObject, textOf } from './json.js'

/** How a call ended. `none`: the run ended before the call did, so the history has no end of it. */
export type End =
  | {
      readonly tag: 'answer'
      readonly at_us: number
      readonly headers: ReadonlyMap<string, string>
      readonly body: string
    }
  | { readonly tag: 'failure'; readonly at_us: number; readonly reason: string }
  | { readonly tag: 'none'; readonly at_us: number }

export type Call = {
  readonly op: number
  readonly at_us: number
  readonly client: number
  readonly via: string
  readonly kind: Kind
  readonly subject: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
  readonly end: End
}

export type CallHistory = {
  readonly calls: readonly Call[]
  readonly notes: readonly { readonly at_us: number; readonly text: string }[]
  /** One text for each line that could not be understood. */
  readonly problems: readonly string[]
}

const NEVER = Number.POSITIVE_INFINITY

const headersOf = (value: Json | undefined): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(isObject(value) ? value : {}).flatMap(([name, text]) =>
      typeof text === 'string' ? [[name, text] as const] : [],
    ),
  )

/** Joins the lines of calls and ends. The lines may come from several files, but each call has to come before its end. */
export const collectCalls = () => {
  const open = new Map<number, Omit<Call, 'end'>>()
  const calls: Call[] = []
  const notes: { at_us: number; text: string }[] = []
  const problems: string[] = []

  const end = (op: number, ended: End): void => {
    const call = open.get(op)
    if (call === undefined) problems.push(`call ${op} ended without having begun`)
    else calls.push({ ...call, end: ended })
    open.delete(op)
  }

  const add = (line: string): void => {
    const json = readJson(line)
    const text = (name: string): string => textOf(field(json, name)) ?? ''
    const [at_us, op] = [countOf(field(json, 'at_us')), countOf(field(json, 'op')) ?? 0]
    const headers = headersOf(field(json, 'headers'))
    if (at_us === undefined) {
      problems.push(`no line of a history: ${line.slice(0, 80)}`)
      return
    }
    switch (text('tag')) {
      case 'call': {
        const client = countOf(field(json, 'client')) ?? 0
        const kind = text('kind') as Kind
        const about = { op, at_us, client, kind, headers }
        open.set(op, { ...about, via: text('via'), subject: text('subject'), body: text('body') })
        return
      }
      case 'answer':
        end(op, { tag: 'answer', at_us, headers, body: text('body') })
        return
      case 'failure':
        end(op, { tag: 'failure', at_us, reason: text('reason') })
        return
      case 'note':
        notes.push({ at_us, text: text('text') })
        return
      case 'begin':
        return
      default:
        problems.push(`no line of a history: ${line.slice(0, 80)}`)
    }
  }

  return {
    add,
    history: (): CallHistory => {
      const unended = [...open.values()].map(call => ({
        ...call,
        end: { tag: 'none', at_us: NEVER } as const,
      }))
      return { calls: [...calls, ...unended].sort((a, b) => a.op - b.op), notes, problems }
    },
  }
}

/** Reads the history file of a run's directory. */
export const readHistory = async (directory: string): Promise<CallHistory> => {
  const collected = collectCalls()
  const lines = createInterface({ input: createReadStream(join(directory, 'history.jsonl')) })
  for await (const line of lines) collected.add(line)
  return collected.history()
}

const ERROR_CODE = 'Nats-Service-Error'

/** The code of the error in a service's answer; undefined when the call ended in another way. */
export const errorCodeOf = (end: End): string | undefined =>
  end.tag === 'answer' ? end.headers.get(ERROR_CODE) : undefined

/** The body of a successful answer, as an object; undefined when the call ended in another way. */
export const bodyOf = (end: End): Json | undefined =>
  end.tag === 'answer' && errorCodeOf(end) === undefined ? readObject(end.body) : undefined
