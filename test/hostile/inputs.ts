/**
 * Defines the inputs of the corpus: a name, the message to send, and its documented outcome. Inputs are data; `deliver.ts`
 * sends them and `judge.ts` compares the outcomes.
 */

import type { Bytes } from './raw-nats.js'

/** The outcome of a published event. */
export type EventOutcome =
  /** The event counts, and `balance` is the customer's balance afterwards. */
  | { readonly tag: 'applied'; readonly balance: string }
  /** The event has no effect and becomes a dead letter with this reason. */
  | { readonly tag: 'letter'; readonly reason: string; readonly balance: string }
  /** The customer is parked until a program knows the event's schema. */
  | { readonly tag: 'parked' }
  /** The server does not store the event. */
  | { readonly tag: 'refused' }
  /** Some versions of the server store the event and others do not. A stored event counts. */
  | { readonly tag: 'applied or refused' }

/** An event published by a program that has the right to write to the ledger's stream. */
export type EventInput = {
  readonly name: string
  /** The part of the subject after `customer.balance.`; a customer of its own unless stated. */
  readonly token?: string
  /** Bodies of events that are stored earlier on the same subject. */
  readonly before?: readonly string[]
  readonly body?: Bytes
  readonly header?: Bytes
  readonly gives: EventOutcome
}

/** Facts about the running ledger that a caller needs for forged requests. */
export type Known = {
  /** Real cursors of the ledger, to be used at the wrong endpoint. */
  readonly cursors: { readonly list: string; readonly ranking: string; readonly statement: string }
  /** The approximate sequence of the next event of the stream. */
  readonly next_seq: number
}

export type Text = Bytes | ((known: Known) => Bytes)

/** The required answer to a request over NATS. */
export type ExpectedAnswer =
  /** A success whose body and headers contain all of these texts. */
  | { readonly tag: 'done'; readonly holds: readonly string[] }
  /** A service error with this code, whose body and headers contain all of these texts. */
  | { readonly tag: 'error'; readonly code: string; readonly holds: readonly string[] }
  /** Any success, or a refusal with one of these codes. */
  | { readonly tag: 'either'; readonly codes: readonly string[] }
  /** No service listens on the subject, and the server says so. */
  | { readonly tag: 'nobody' }

/** A request to a subject of the service. */
export type RequestInput = {
  readonly name: string
  readonly subject: string
  readonly body?: Text
  readonly header?: Bytes
  readonly gives: ExpectedAnswer
}

/** A request with a reply subject at which answers are forbidden: it never gets an answer there. */
export type DeputyInput = {
  readonly name: string
  readonly subject: string
  readonly body: string
  readonly reply: string | ((known: Known) => string)
}

/** The required answer to a request over HTTP. */
export type HttpAnswer = {
  readonly status: number | readonly number[]
  readonly code?: string
  readonly holds?: readonly string[]
}

export type HttpInput = {
  readonly name: string
  readonly method?: string
  /** The target in the first line of the request. */
  readonly target: string | ((known: Known) => string)
  readonly headers?: readonly string[]
  readonly body?: Text
  /** The token to send; `writer`, which may write, unless stated. */
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

export const done = (...holds: readonly string[]): ExpectedAnswer => ({ tag: 'done', holds })
export const error = (code: string, ...holds: readonly string[]): ExpectedAnswer => ({
  tag: 'error',
  code,
  holds,
})
export const invalid = (...holds: readonly string[]): ExpectedAnswer => error('INVALID_REQUEST', ...holds)
export const either = (...codes: readonly string[]): ExpectedAnswer => ({ tag: 'either', codes })
export const NOBODY: ExpectedAnswer = { tag: 'nobody' }

export const status = (number: number, code?: string, ...holds: readonly string[]): HttpAnswer => ({
  status: number,
  ...(code === undefined ? {} : { code }),
  ...(holds.length === 0 ? {} : { holds }),
})
export const badRequest = (...holds: readonly string[]): HttpAnswer =>
  status(400, 'INVALID_REQUEST', ...holds)

/** JSON text nested `depth` levels deep. */
export const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

/** A text as Latin-1 bytes, one byte per character. */
export const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
