/** A model of the command side, written from its promises alone: it shares no code with src. */

import type { Stored } from './coordinators.js'

const LARGEST = 9_223_372_036_854_775_807n

export type Request = {
  readonly type: 'credit' | 'debit' | 'transfer'
  readonly from: string
  /** The receiver; only a transfer uses it. */
  readonly to: string
  readonly amount: bigint
  readonly reference: string | undefined
  readonly transaction_id: string
}

export type Position = { readonly balance: bigint; readonly version: number; readonly seq: number }
export type ModelAnswer = {
  readonly code: string
  readonly balance?: bigint
  readonly at?: readonly Position[]
}
type Known = {
  readonly content: string
  readonly answer: { code: string; balance?: bigint; at?: Position[] }
}

const contentOf = ({ type, from, to, amount, reference }: Omit<Request, 'transaction_id'>): string =>
  [type, from, type === 'transfer' ? to : '', amount, reference ?? ''].join('|')

const amountOf = (value: unknown): bigint =>
  (typeof value === 'number' && Number.isInteger(value)) || typeof value === 'string' ? BigInt(value) : 0n

/** Folds the stream, and remembers the outcome of every transaction id in it. */
export class Model {
  readonly balances = new Map<string, bigint>()
  readonly #versions = new Map<string, number>()
  readonly #known = new Map<string, Known>()

  /** The refusal of a request that the balances do not allow; undefined when they allow it. */
  #refusal({ type, from, to, amount }: Request): ModelAnswer | undefined {
    const [mine, theirs] = [this.balances.get(from) ?? 0n, this.balances.get(to) ?? 0n]
    if (type !== 'credit' && mine < amount) return { code: 'INSUFFICIENT_FUNDS', balance: mine }
    const receiving = type === 'credit' ? mine : theirs
    return type !== 'debit' && receiving + amount > LARGEST
      ? { code: 'BALANCE_LIMIT', balance: receiving }
      : undefined
  }

  /** The answer to a request when no other request runs at the same time. */
  foretell(request: Request): ModelAnswer {
    const known = this.#known.get(request.transaction_id)
    if (known !== undefined && known.content !== contentOf(request)) return { code: 'TRANSACTION_ID_REUSED' }
    return known?.answer ?? this.#refusal(request) ?? { code: 'done' }
  }

  /** Says how an answer is wrong, once the stream is folded up to it; undefined when it is right. */
  objection(request: Request, given: boolean, answer: ModelAnswer): string | undefined {
    const known = this.#known.get(request.transaction_id)
    const isSame = known?.content === contentOf(request)
    if (answer.code === 'TRANSACTION_ID_REUSED') {
      return known === undefined || isSame ? 'the transaction id was not used for anything else' : undefined
    }
    if (!given && (answer.code === 'INSUFFICIENT_FUNDS' || answer.code === 'BALANCE_LIMIT')) {
      return known === undefined ? undefined : 'what was refused is in the stream'
    }
    const show = (value: unknown): string =>
      JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner))
    const text = `the answer ${show(answer)} to ${show(request)}; the stream has ${show(known)}`
    return isSame && show(known?.answer) === show(answer) ? undefined : text
  }

  #note({ seq, id, msg_id, body = {} }: Stored, position: Position): void {
    if (msg_id === '') return
    const { type, amount, reference, transfer, declined } = body as Record<string, never> & {
      readonly transfer?: { counterparty: string }
      readonly declined?: { command: Request['type']; code: string; balance: number | string }
    }
    const [, first] = /^(.*):credit$/.exec(msg_id) ?? []
    if (first !== undefined) {
      const at = this.#known.get(first)?.answer.at
      if (at?.at(-1)?.seq !== seq - 1) throw new Error(`half a transfer at ${seq}`)
      at.push(position)
      return
    }
    if (this.#known.has(msg_id)) throw new Error(`the transaction ${msg_id} is stored twice, again at ${seq}`)
    const content = contentOf({
      type: declined?.command ?? (transfer === undefined ? (type ?? 'credit') : 'transfer'),
      from: id,
      to: transfer?.counterparty ?? '',
      amount: amountOf(amount),
      reference,
    })
    const answer =
      declined === undefined
        ? { code: 'done', at: [position] }
        : { code: declined.code, balance: amountOf(declined.balance) }
    this.#known.set(msg_id, { content, answer })
  }

  /** True when an event is stored under this transaction id. */
  knows(transaction_id: string): boolean {
    return this.#known.has(transaction_id)
  }

  /** The ids of transfers without their second event. */
  halves(): string[] {
    const isHalf = ({ content, answer }: Known): boolean =>
      content.startsWith('transfer') && answer.at?.length === 1
    return [...this.#known].filter(([, known]) => isHalf(known)).map(([id]) => id)
  }

  /** Folds the next message of the stream. */
  fold(stored: Stored): void {
    const { seq, id, msg_id, body } = stored
    const amount = amountOf(body?.amount)
    const before = this.balances.get(id) ?? 0n
    const after = { credit: before + amount, debit: before - amount, declined: before }[String(body?.type)]
    const counts = after !== undefined && amount >= 1n && after >= 0n && after <= LARGEST
    if (!counts && msg_id !== '') throw new Error(`a command was stored at ${seq} that has no effect`)
    if (!counts) return
    const version = (this.#versions.get(id) ?? 0) + (body?.type === 'declined' ? 0 : 1)
    this.#versions.set(id, version)
    this.balances.set(id, after)
    this.#note(stored, { balance: after, version, seq })
  }
}
