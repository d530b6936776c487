/**
 * What an input of the corpus is: a name, how it is sent, and the documented outcome of it. All of it is data; `deliver.ts`
 * sends it and `judge.ts` compares.
 */

import type { Bytes } from './raw-nats.js'

/** What a published event becomes. */
export type EventOutcome =
  /** It counts, and the customer's balance is this afterwards. */
  | { readonly tag: 'applied'; readonly balance: string }
  /** It has no effect and becomes a dead letter of this reason. */
  | { readonly tag: 'letter'; readonly reason: string; readonly balance: string }
  /** Its customer waits for a program that knows the schema. */
  | { readonly tag: 'parked' }
  /** The server does not store it. */
  | { readonly tag: 'refused' }
  /** Versions of the server differ in whether they store it; stored it counts. */
  | { readonly tag: 'applied or refused' }

/** An event as a program publishes it that may write into the ledger's stream. */
export type EventInput = {
  readonly name: string
  /** What follows `customer.balance.`; a customer of its own where nothing is said. */
  readonly token?: string
  /** Bodies of events that are stored before on the same subject. */
  readonly before?: readonly string[]
  readonly body?: Bytes
  readonly header?: Bytes
  readonly gives: EventOutcome
}

/** What a caller needs to know of the running ledger to forge something of it. */
export type Known = {
  /** Cursors as the ledger gives them: real ones, to be used where they do not belong. */
  readonly cursors: { readonly list: string; readonly ranking: string; readonly statement: string }
  /** The sequence that the next event of the stream gets, about. */
  readonly next_seq: number
}

export type Text = Bytes | ((known: Known) => Bytes)

/** How a request over NATS has to be answered. */
export type Answer =
  /** A success; the body and its headers hold every one of these texts. */
  | { readonly tag: 'done'; readonly holds: readonly string[] }
  /** A service error of this code; the body and its headers hold every one of these texts. */
  | { readonly tag: 'error'; readonly code: string; readonly holds: readonly string[] }
  /** Any success, or a refusal of one of these codes. */
  | { readonly tag: 'either'; readonly codes: readonly string[] }
  /** Nobody serves the subject: the server says so. */
  | { readonly tag: 'nobody' }

/** A request to a subject of the service. */
export type RequestInput = {
  readonly name: string
  readonly subject: string
  readonly body?: Text
  readonly header?: Bytes
  readonly gives: Answer
}

/** A request whose answer its sender wants published where it does not belong: it is never answered there. */
export type DeputyInput = {
  readonly name: string
  readonly subject: string
  readonly body: string
  readonly reply: string | ((known: Known) => string)
}

/** How a request over HTTP has to be answered. */
export type HttpAnswer = {
  readonly status: number | readonly number[]
  readonly code?: string
  readonly holds?: readonly string[]
}

export type HttpInput = {
  readonly name: string
  readonly method?: string
  /** As it stands in the first line of the request. */
  readonly target: string | ((known: Known) => string)
  readonly headers?: readonly string[]
  readonly body?: Text
  /** Which token is sent; the one that may write where nothing is said. */
  readonly token?: 'none' | 'reader' | 'writer'
  readonly gives: HttpAnswer
}

export const applied = (balance: number | string): EventOutcome => ({ tag: 'applied', balance: `${balance}` })
export const letter = (reason = 'MALFORMED', balance: number | string = 0): EventOutcome => ({
  tag: 'letter',
  reason,
  balance: `${balance}`,
})
export const PARKED: EventOutcome = { tag: 'parked' }
export const REFUSED: EventOutcome = { tag: 'refused' }

export const done = (...holds: readonly string[]): Answer => ({ tag: 'done', holds })
export const error = (code: string, ...holds: readonly string[]): Answer => ({ tag: 'error', code, holds })
export const invalid = (...holds: readonly string[]): Answer => error('INVALID_REQUEST', ...holds)
export const either = (...codes: readonly string[]): Answer => ({ tag: 'either', codes })
export const NOBODY: Answer = { tag: 'nobody' }

export const status = (number: number, code?: string, ...holds: readonly string[]): HttpAnswer => ({
  status: number,
  ...(code === undefined ? {} : { code }),
  ...(holds.length === 0 ? {} : { holds }),
})
export const badRequest = (...holds: readonly string[]): HttpAnswer =>
  status(400, 'INVALID_REQUEST', ...holds)

/** JSON text nested `depth` levels deep. */
export const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

/** Bytes of texts (as Latin-1, one character per byte) and of nothing else. */
export const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
