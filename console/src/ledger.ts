/** The questions and commands of the API that the pages use, each with the form of its answer. */

import { useQuery } from '@tanstack/react-query'
import { accountName, namesIn } from './account-name.js'
import { type Amount, get, getFile, Refused } from './api.js'
import { readToken } from './session.js'

export type Scope = 'read' | 'write' | 'operate'
export type Caller = {
  readonly name?: string
  readonly scopes: readonly Scope[]
  readonly has_tokens: boolean
}

/** Who this tab is for the gateway; null when it wants a token that it knows. */
export const useCaller = () =>
  useQuery({
    queryKey: ['caller', readToken()],
    queryFn: async (): Promise<Caller | null> => {
      try {
        return await get<Caller>('/v1/caller')
      } catch (thrown) {
        if (thrown instanceof Refused && thrown.status === 401) return null
        throw thrown
      }
    },
  })

/** What is held, and what can be spent, are absent where nothing is held and exactly the balance can be spent. */
export type Standing = {
  readonly balance: Amount
  readonly available?: Amount
  readonly held?: Amount
}

export type Hold = { readonly hold: string; readonly remaining: Amount; readonly expires_at: string }
export type Account = {
  readonly client_id: string
  /** Absent for the default one. */
  readonly asset?: string
  readonly balance: Amount
  /** What can be spent; absent where it is the balance. */
  readonly available?: Amount
  readonly held?: Amount
  readonly limit: Amount
  readonly state: string
  readonly reason?: string
  readonly until?: string
  readonly version: number
  readonly seq: number
  readonly holds: readonly Hold[]
  /** There are more holds than those. */
  readonly cursor?: string
  /** What the customer has in other assets; without `asset` it is the default one. */
  readonly others?: readonly { readonly asset?: string; readonly balance: Amount }[]
}

const customerPath = (client_id: string): string => `/v1/customers/${encodeURIComponent(client_id)}`

/** The account of a name, as the stream has it now, with every acknowledged write in it. */
export const readAccount = (name: string): Promise<Account> => {
  const { client_id, asset } = namesIn(name)
  return get<Account>(`${customerPath(client_id)}/account`, { consistency: 'strong', asset })
}

export const useAccount = (id: string) =>
  useQuery({ queryKey: ['account', id], queryFn: () => readAccount(id) })

export type HoldsPage = { readonly holds: readonly Hold[]; readonly cursor?: string }

export const readHolds = (name: string, cursor: string): Promise<HoldsPage> => {
  const { client_id, asset } = namesIn(name)
  return get<HoldsPage>(`${customerPath(client_id)}/holds`, { cursor, asset })
}

export type Entry = {
  readonly type: string
  readonly amount?: Amount
  readonly balance: Amount
  /** What is held after it; absent for a plain account. */
  readonly held?: Amount
  readonly version: number
  readonly seq: number
  readonly at: string
  readonly transaction_id?: string
  readonly reference?: string
  /** Its texts were sealed under a key that was erased. */
  readonly erased?: true
  readonly counterparty?: string
  readonly code?: string
  readonly by?: string
}
export type Statement = { readonly entries: readonly Entry[]; readonly cursor?: string }
export type Period = { readonly from?: string | undefined; readonly to?: string | undefined }

/** The entries name their other side as an account. */
export const readStatement = async (
  name: string,
  period: Period,
  limit: number,
  cursor?: string,
): Promise<Statement> => {
  const { client_id, asset } = namesIn(name)
  const query = { ...period, limit, cursor, asset }
  const page = await get<Statement>(`${customerPath(client_id)}/statement`, query)
  const entries = page.entries.map(entry => {
    const { counterparty } = entry
    return counterparty === undefined || counterparty.includes('/')
      ? entry
      : { ...entry, counterparty: accountName({ client_id: counterparty, asset }) }
  })
  return { ...page, entries }
}

/** The whole statement of a period as PDF, for the customer. The gateway makes it. */
export const readStatementPdf = (name: string, period: Period): Promise<Blob> => {
  const { client_id, asset } = namesIn(name)
  return getFile(`${customerPath(client_id)}/statement`, { ...period, asset }, 'application/pdf')
}

export type CustomerList = {
  readonly asset?: string
  readonly customers: readonly {
    readonly client_id: string
    readonly balance: Amount
    readonly version: number
  }[]
  readonly cursor?: string
}

export type Ranking = {
  readonly ranking: readonly { readonly rank: number; readonly client_id: string; readonly balance: Amount }[]
}

type Sum = { readonly count: number; readonly amount: Amount }
export type Summary = {
  readonly customers: number
  readonly balance: Amount
  readonly credits: Sum
  readonly debits: Sum
  readonly declined: number
  readonly days: readonly {
    readonly day: string
    readonly credits: Sum
    readonly debits: Sum
    readonly declined: number
  }[]
}

export type Side = {
  readonly client_id: string
  readonly asset?: string
  readonly balance: Amount
  readonly available?: Amount
  readonly held?: Amount
  readonly version: number
  readonly seq: number
}
export type MovementReply = Side & { readonly transaction_id: string; readonly replayed?: true }
export type TransferReply = {
  readonly transaction_id: string
  readonly from: Side
  readonly to: Side
  readonly replayed?: true
}
export type Transaction = {
  readonly transaction_id: string
  readonly status: 'committed' | 'declined'
  readonly reply?: MovementReply | TransferReply
  readonly error?: { readonly code: string; readonly message?: string }
  readonly by?: string
}

/** The sides of a transaction that was carried out. */
export const sidesOf = (reply: MovementReply | TransferReply): readonly Side[] =>
  'from' in reply ? [reply.from, reply.to] : [reply]

export type Letter = {
  readonly seq: number
  readonly subject: string
  readonly reason: string
  readonly detail: string
  readonly at: string
  readonly state: string
  readonly body: string
}

export type Replay = {
  readonly projection: string
  readonly state: 'running' | 'done' | 'failed' | 'cancelled'
  readonly stage: string
  readonly done: number
  readonly total: number
  readonly began_at: string
  readonly by?: string
  readonly generation?: number
  readonly error?: string
}

export type Projection = {
  readonly projection: string
  readonly generation: number
  readonly previous?: number
  readonly by?: string
  readonly lag?: { readonly seq: number; readonly lag_events: number; readonly lag_ms?: number }
  readonly said?: { readonly instance: string; readonly at: string; readonly last_error?: string }
}

type Part = { readonly state: 'ok' | 'degraded' | 'down'; readonly detail: string }
export type OperationsStatus = {
  readonly at: string
  readonly health: { readonly state: Part['state']; readonly parts: Readonly<Record<string, Part>> }
  readonly stream: {
    readonly messages: number
    readonly last_seq: number
    readonly bytes: number
    readonly replicas: number
    readonly leader?: string
    readonly followers?: readonly { readonly name: string; readonly state: string }[]
  }
  readonly servers: {
    readonly seen: readonly { readonly name: string; readonly version: string }[]
    readonly unseen: readonly string[]
  }
  readonly projections: readonly Projection[]
  readonly dead_letters: { readonly open: number; readonly total: number }
  readonly parked: number
  readonly instances: readonly {
    readonly id: string
    readonly version: string
    readonly endpoints?: readonly { readonly name: string }[]
    readonly slowed_to_per_s?: number
  }[]
  readonly replays: readonly Replay[]
}

export type ParkedCustomer = {
  readonly client_id: string
  readonly asset?: string
  readonly seq: number
  readonly schema: number
  readonly decided?: boolean
}
