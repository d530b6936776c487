/**
 * What a person can do for a customer: which fields the form of an action has, and which request it makes of them.
 *
 * A new action is a row of `ACTIONS`. The form, the confirmation and the result are the same for all of them.
 */

import { namesIn } from './account-name.js'
import type { Amount } from './api.js'
import { amountFrom, amountJson, amountText } from './format.js'

/** What an action is about. Captures and releases are of a hold, reversals of a transaction. */
export type Subject = {
  /** The account (account-name.ts). */
  readonly account: string
  readonly hold?: string
  readonly transaction_id?: string
  /** The most that can be captured, released or reversed, as far as the page knows. */
  readonly remaining?: Amount
}

export const STATES = ['active', 'no_debit', 'no_credit', 'frozen', 'closed'] as const

export type FieldName = 'to' | 'amount' | 'rest' | 'limit' | 'state' | 'reason' | 'days' | 'reference'
export type Texts = Readonly<Partial<Record<FieldName, string>>>

type Method = 'POST' | 'PUT'
type Command = { readonly method: Method; readonly path: string; readonly body: object }

export type Action = {
  readonly title: string
  readonly fields: readonly FieldName[]
  /** Makes the request of fields that were checked; `body` holds those that every action has. */
  readonly command: (subject: Subject, texts: Texts) => Command
}

const idOf = (id: string | undefined): string => encodeURIComponent(id ?? '')

const amountOf = (text: string | undefined): { amount?: Amount } => {
  const amount = amountFrom(text ?? '')
  return amount === undefined ? {} : { amount: amountJson(amount) }
}

const given = (name: 'reference' | 'reason', text: string | undefined): Record<string, string> =>
  text === undefined || text.trim() === '' ? {} : { [name]: text.trim() }

const referenceOf = ({ reference }: Texts): Record<string, string> => given('reference', reference)

const DAY_S = 86_400

/** Where the requests for an account go, and the field of the body that names its asset. */
const placeOf = ({ account }: Subject) => {
  const { client_id, asset } = namesIn(account)
  return { path: `/v1/customers/${idOf(client_id)}`, of_asset: asset === undefined ? {} : { asset } }
}

const ofCustomer =
  (kind: string): Action['command'] =>
  (subject, texts) => {
    const { path, of_asset } = placeOf(subject)
    const body = { ...of_asset, ...amountOf(texts.amount), ...referenceOf(texts) }
    return { method: 'POST', path: `${path}/${kind}s`, body }
  }

const ofHold =
  (kind: string): Action['command'] =>
  ({ account, hold }, texts) => ({
    method: 'POST',
    path: `/v1/holds/${idOf(hold)}/${kind}s`,
    body: { ...namesIn(account), ...amountOf(texts.rest), ...referenceOf(texts) },
  })

const ACTIONS = {
  credit: { title: 'Credit', fields: ['amount', 'reference'], command: ofCustomer('credit') },
  debit: { title: 'Debit', fields: ['amount', 'reference'], command: ofCustomer('debit') },
  transfer: {
    title: 'Transfer',
    fields: ['to', 'amount', 'reference'],
    command: (subject, texts) => ({
      method: 'POST',
      path: '/v1/transfers',
      body: {
        from: namesIn(subject.account).client_id,
        to: texts.to?.trim(),
        ...placeOf(subject).of_asset,
        ...amountOf(texts.amount),
        ...referenceOf(texts),
      },
    }),
  },
  hold: {
    title: 'Hold',
    fields: ['amount', 'days', 'reference'],
    command: (subject, texts) => ({
      method: 'POST',
      path: `${placeOf(subject).path}/holds`,
      body: {
        ...placeOf(subject).of_asset,
        ...amountOf(texts.amount),
        expires_in: Number(texts.days) * DAY_S,
        ...referenceOf(texts),
      },
    }),
  },
  capture: { title: 'Capture', fields: ['rest', 'reference'], command: ofHold('capture') },
  release: { title: 'Release', fields: ['rest', 'reference'], command: ofHold('release') },
  limit: {
    title: 'Limit',
    fields: ['limit', 'reference'],
    command: (subject, texts) => ({
      method: 'PUT',
      path: `${placeOf(subject).path}/limit`,
      body: {
        ...placeOf(subject).of_asset,
        limit: amountJson(BigInt(texts.limit ?? '0')),
        ...referenceOf(texts),
      },
    }),
  },
  restrict: {
    title: 'Restrict',
    fields: ['state', 'reason', 'reference'],
    command: (subject, texts) => ({
      method: 'PUT',
      path: `${placeOf(subject).path}/state`,
      body: {
        ...placeOf(subject).of_asset,
        state: texts.state,
        ...given('reason', texts.reason),
        ...referenceOf(texts),
      },
    }),
  },
  reverse: {
    title: 'Reverse',
    fields: ['rest', 'reference'],
    command: ({ transaction_id }, texts) => ({
      method: 'POST',
      path: `/v1/transactions/${idOf(transaction_id)}/reversals`,
      body: { ...amountOf(texts.rest), ...referenceOf(texts) },
    }),
  },
} as const satisfies Readonly<Record<string, Action>>

export type Kind = keyof typeof ACTIONS

/** The actions that need nothing but a customer. */
export const OF_CUSTOMER: readonly Kind[] = ['credit', 'debit', 'transfer', 'hold', 'limit', 'restrict']

export const actionOf = (kind: Kind): Action => ACTIONS[kind]

const DAYS_MAX = 366

/** What the form begins with. */
export const beginOf = (kind: Kind, { remaining }: Subject): Texts => ({
  ...(kind === 'hold' ? { days: '7' } : {}),
  ...(kind === 'restrict' ? { state: 'frozen' } : {}),
  ...(remaining === undefined ? {} : { rest: String(remaining) }),
})

const WHOLE_AMOUNT = 'The amount must be a whole number of the minor unit, of at least 1.'

/** What is wrong with a field. */
const CHECKS: Readonly<Partial<Record<FieldName, (text: string, subject: Subject) => string | undefined>>> = {
  amount: text => (amountFrom(text) === undefined ? WHOLE_AMOUNT : undefined),
  rest: text => (text.trim() !== '' && amountFrom(text) === undefined ? WHOLE_AMOUNT : undefined),
  to: (text, { account }) =>
    text.trim() === namesIn(account).client_id ? 'A transfer needs another customer.' : undefined,
  limit: text =>
    /^(0|[1-9]\d{0,18})$/.test(text)
      ? undefined
      : 'The limit must be a whole number of the minor unit, from 0 on.',
  days: text =>
    /^[1-9]\d{0,2}$/.test(text) && Number(text) <= DAYS_MAX
      ? undefined
      : `A hold lasts 1 to ${DAYS_MAX} days.`,
}

/** What is wrong with the fields, for the person who filled them in. */
export const wrongIn = (kind: Kind, subject: Subject, texts: Texts): string | undefined =>
  actionOf(kind)
    .fields.map(name => CHECKS[name]?.(texts[name] ?? '', subject))
    .find(wrong => wrong !== undefined)

const shown = (text: string): string => {
  const amount = amountFrom(text)
  return amount === undefined ? text : amountText(String(amount))
}

/** The action in a few words, for its confirmation and its button: "Debit 1,000". */
export const wordsOf = (kind: Kind, texts: Texts): string => {
  const { title, fields } = actionOf(kind)
  const names: readonly FieldName[] = ['amount', 'rest', 'limit', 'state']
  const value = names.find(name => fields.includes(name) && (texts[name] ?? '') !== '')
  return value === undefined ? title : `${title} ${shown(texts[value] ?? '')}`
}
