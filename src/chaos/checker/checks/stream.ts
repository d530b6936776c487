/** Checks the stream's entries against each other (transfers, claims, batches) and against the writes that were sent. */

import { customerOf } from '../event.js'
import { createFindings, type Finding } from '../findings.js'
import type { Folded } from '../fold.js'
import { countOf, field, textOf, wholeOf } from '../json.js'
import { digestOf } from '../terms.js'
import type { World } from '../world.js'

/** True when two neighbouring entries are the two sides of one transfer. */
const areOne = (debit: Folded, credit: Folded): boolean =>
  debit.event?.type === 'debit' &&
  credit.event?.type === 'credit' &&
  debit.event.counterparty === credit.client_id &&
  credit.event.counterparty === debit.client_id &&
  debit.event.amount === credit.event.amount &&
  credit.event.transaction_id === `${debit.event.transaction_id}:credit`

/** A transfer is two neighbouring entries, and both have an effect. */
export const checkTransfers = ({ ledger }: World): Finding => {
  const findings = createFindings('transfers', 'a transfer is two neighbouring events, and both count')
  for (const folded of ledger.all) {
    const { event, entry } = folded
    if (event?.counterparty === undefined || event.type === 'declined') continue
    findings.look()
    const other = ledger.at(entry.seq + (event.type === 'debit' ? 1 : -1))
    const [debit, credit] = event.type === 'debit' ? [folded, other] : [other, folded]
    const is_whole = debit !== undefined && credit !== undefined && areOne(debit, credit)
    if (!is_whole) findings.violate(`event ${entry.seq} is half a transfer`, { seqs: [entry.seq] })
    else if (debit.outcome !== 'applied' || credit.outcome !== 'applied')
      findings.violate(`the transfer at ${debit.entry.seq}: ${debit.outcome}, ${credit.outcome}`, {
        seqs: [debit.entry.seq, credit.entry.seq],
      })
  }
  return findings.finding()
}

/** The state after each event is the one that the event claims (field `after`), so versions are a chain without gaps. */
export const checkClaims = ({ ledger }: World): Finding => {
  const findings = createFindings(
    'version chains',
    'balance and version in every event follow from the one before',
  )
  for (const { event, entry, after } of ledger.all) {
    if (event?.after === undefined) continue
    findings.look()
    const [balance, version] = [
      wholeOf(field(event.after, 'balance')),
      countOf(field(event.after, 'version')),
    ]
    const [rules, digest] = [textOf(field(event.after, 'rules')), digestOf(after.terms)]
    if (balance !== after.balance || version !== after.version || rules !== digest)
      findings.violate(
        `event ${entry.seq} claims ${balance} in version ${version} (${rules}), the fold has ${after.balance} in ${after.version} (${digest})`,
        { seqs: [entry.seq] },
      )
  }
  return findings.finding()
}

const batchOf = (folded: Folded | undefined): string | undefined => folded?.entry.headers.get('Nats-Batch-Id')
const placeOf = ({ entry }: Folded): number => Number(entry.headers.get('Nats-Batch-Sequence') ?? Number.NaN)

/** Every atomic batch is stored whole: its messages are neighbours, from the first to the one that commits the batch. */
export const checkBatches = ({ ledger }: World): Finding => {
  const findings = createFindings('batches', 'an atomic batch is stored whole, its messages side by side')
  for (const folded of ledger.all) {
    const id = batchOf(folded)
    if (id === undefined) continue
    const { seq } = folded.entry
    const [before, next, place] = [ledger.at(seq - 1), ledger.at(seq + 1), placeOf(folded)]
    const is_last = batchOf(next) !== id
    findings.look()
    const follows =
      batchOf(before) === id ? before !== undefined && place === placeOf(before) + 1 : place === 1
    if (!follows)
      findings.violate(`event ${seq} is number ${place} of its batch and does not follow`, { seqs: [seq] })
    if (is_last !== folded.entry.headers.has('Nats-Batch-Commit'))
      findings.violate(`the batch that ends at ${seq} is not whole`, { seqs: [seq] })
  }
  return findings.finding()
}

/** Sequences have no gap, and every entry belongs to a write that a client sent. */
export const checkOrigins = ({ ledger, writes }: World): Finding => {
  const findings = createFindings('origins', 'every event was sent by somebody, and no sequence is missing')
  const first_seq = ledger.all[0]?.entry.seq ?? 1
  for (const [index, { entry, event, key }] of ledger.all.entries()) {
    findings.look()
    if (entry.seq !== first_seq + index) {
      findings.violate(`after ${index} entries comes ${entry.seq}`, { seqs: [entry.seq] })
      break
    }
    // the program itself records that a hold has expired
    if (event?.is_expiry === true) continue
    const write = key === undefined ? undefined : writes.get(key)
    if (write === undefined) findings.violate(`nobody sent event ${entry.seq}`, { seqs: [entry.seq] })
    else if (
      !write.client_ids.includes(customerOf(entry.subject) ?? entry.subject.split('.').slice(2).join('.'))
    )
      findings.violate(`event ${entry.seq} is on ${entry.subject}, where ${key} was not sent`, {
        ops: write.attempts.map(({ call }) => call.op),
        seqs: [entry.seq],
      })
  }
  return findings.finding()
}

type ToldBalance = {
  readonly client_id: string
  readonly balance: bigint | undefined
  readonly op: number
  readonly seq: number
}

/** The balances in the answers to writes. */
function* balancesInWriteAnswers({ writes }: World): Generator<ToldBalance> {
  for (const { attempts } of writes.values())
    for (const { call, claim } of attempts)
      if (claim.tag === 'acknowledged')
        yield* claim.positions.map(({ client_id, balance, seq }) => ({
          client_id,
          balance,
          op: call.op,
          seq,
        }))
      else if (claim.tag === 'refused')
        yield { client_id: claim.client_id, balance: claim.balance, op: call.op, seq: 0 }
}

/** The balances in the answers to reads. */
function* balancesInReadAnswers({ balances, statements, lists }: World): Generator<ToldBalance> {
  for (const { call, client_id, shown } of balances)
    yield { client_id, balance: shown?.balance, op: call.op, seq: shown?.seq ?? 0 }
  for (const { call, client_id, entries } of statements)
    for (const { balance, seq } of entries) yield { client_id, balance, op: call.op, seq }
  for (const { call, rows } of lists)
    for (const { client_id, balance } of rows) yield { client_id, balance, op: call.op, seq: 0 }
}

/** No balance in any answer is below the negative of the largest limit that its customer ever had; that is 0 for most. */
export const checkFloor = (world: World): Finding => {
  const findings = createFindings('floor', 'no balance is below zero, or below what a credit limit allows')
  const limits = new Map(world.ledger.customers().map(id => [id, world.ledger.limitOf(id)]))
  for (const told of [...balancesInWriteAnswers(world), ...balancesInReadAnswers(world)]) {
    const { client_id, balance, op, seq } = told
    if (balance === undefined) continue
    findings.look()
    if (balance < -(limits.get(client_id) ?? 0n))
      findings.violate(`a balance of ${balance} for ${client_id}`, { ops: [op], seqs: [seq] })
  }
  return findings.finding()
}
