/**
 * Keeps the list of parked customers: customers with an event of a schema that this program does not know.
 *
 * A customer's item says that the customer is parked, and at which event. The list is kept as one note per customer
 * in the KV bucket. Health reads it, and so does a program that knows the schema and resumes the customers
 * (`resume.ts`).
 */

import { E, pipe, run, t } from '../fp.js'
import { readJson } from '../json.js'
import { AccountId } from '../ledger/account-id.js'
import { fieldsOf } from '../ledger/codec.js'
import type { Customer, Parked } from '../ledger/fold.js'
import { inParallel } from '../parallel.js'
import { getText, listKeys, parkedPrefix, putText, removeKey } from '../stream/config-bucket.js'
import type { Target } from './target.js'

/** A note's key is this prefix and the client id in base64url, because KV keys take neither `:` nor `@`. */
const prefixOf = ({ projection }: Pick<Target, 'projection'>): string => parkedPrefix(projection.name)
const NOTES_MAX = 10_000
const NAMED_MAX = 5
const REQUESTS_MAX = 32

/** `decided` means that a decision about the event has come, and that the customer is to be folded again. */
const Note = fieldsOf({ client_id: AccountId, seq: t.number, schema: t.number }, { decided: t.boolean })
export type ParkedNote = t.TypeOf<typeof Note>

const keyOf = (target: Pick<Target, 'projection'>, id: AccountId): string =>
  prefixOf(target) + Buffer.from(id).toString('base64url')

const decodeNote = (text: string | undefined): ParkedNote[] =>
  pipe(
    readJson(text ?? ''),
    E.chainW(Note.decode),
    E.match(
      () => [],
      note => [note],
    ),
  )

type NotesTarget = Pick<Target, 'nc' | 'kv' | 'projection'>

const readNotes = async ({ kv }: NotesTarget, keys: readonly string[]): Promise<ParkedNote[]> =>
  (await inParallel(REQUESTS_MAX, keys, async key => decodeNote(await run(getText(kv, key))))).flat()

/** Reads every note, up to 10,000. A note that cannot be decoded is left out. Throws `Failed`. */
export const listParked = async (target: NotesTarget): Promise<ParkedNote[]> =>
  readNotes(target, await run(listKeys(target.nc, `${prefixOf(target)}*`, NOTES_MAX)))

/** Reports in health how many customers are parked, and names the first. */
export const reportParked = async (target: Target): Promise<void> => {
  const keys = await run(listKeys(target.nc, `${prefixOf(target)}*`, NOTES_MAX))
  const notes = await readNotes(target, keys.slice(0, NAMED_MAX))
  const examples = notes.map(({ client_id, schema }) => `${client_id} (schema ${schema})`).join(', ')
  const detail = `${keys.length} customers wait for a program that knows their schema: ${examples}`
  target.health.report(
    'parked customers',
    keys.length === 0 ? 'ok' : 'degraded',
    keys.length === 0 ? '' : detail,
  )
}

/** A customer that needs a note. */
export type NewlyParked = { readonly id: AccountId; readonly parked: Pick<Parked, 'seq' | 'schema'> }

/**
 * Writes a note for each customer, and reports it in log and health. The caller does this before it writes the items,
 * so that no parked item goes unlisted. Health is reported once for all, because one publisher may park very many
 * customers.
 */
export const noteParked = async (target: Target, customers: readonly NewlyParked[]): Promise<void> => {
  if (customers.length === 0) return
  await inParallel(REQUESTS_MAX, customers, async ({ id, parked: { seq, schema } }) => {
    await run(putText(target.kv, keyOf(target, id), JSON.stringify({ client_id: id, seq, schema })))
    target.log.error(
      { client_id: id, projection: target.projection.name, seq, schema },
      'a customer is parked: its event has a schema from the future',
    )
  })
  await reportParked(target)
}

/**
 * Notes that the decision has come for which each customer waits. The note stays until the customer is resumed, so a
 * process that is killed before finds it at its next start.
 */
export const noteDecided = async (target: Target, customers: readonly NewlyParked[]): Promise<void> => {
  if (customers.length === 0) return
  await inParallel(REQUESTS_MAX, customers, async ({ id, parked: { seq, schema } }) => {
    const note = { client_id: id, seq, schema, decided: true }
    await run(putText(target.kv, keyOf(target, id), JSON.stringify(note)))
  })
  target.onDecided?.()
}

/**
 * Writes missing notes again for the customers that are parked according to `heads`: a note may have been deleted or
 * overwritten by hand. They are noted as decided, because `resume.ts` finds out whether a decision has come.
 */
export const renewNotes = async (
  target: Target,
  heads: readonly (readonly [AccountId, Customer])[],
): Promise<void> => {
  const parked = heads.flatMap(([id, head]) =>
    head.parked === undefined ? [] : [{ id, parked: head.parked }],
  )
  const without_note = await inParallel(REQUESTS_MAX, parked, async customer => {
    const [note] = decodeNote(await run(getText(target.kv, keyOf(target, customer.id))))
    return note === undefined || note.client_id !== customer.id ? [customer] : []
  })
  await noteDecided(target, without_note.flat())
}

/** The client id in a note's key; undefined when the key is not one that this file writes. */
const idIn = (target: NotesTarget, key: string): AccountId | undefined => {
  const id = AccountId.decode(Buffer.from(key.slice(prefixOf(target).length), 'base64url').toString())
  return E.isRight(id) && keyOf(target, id.right) === key ? id.right : undefined
}

/**
 * Removes entries under the notes' keys that stand for no parked customer: they were written by hand. A note is written
 * before its customer's item, so a note about an event after `acked_seq` stays.
 */
export const removeStrayNotes = async (
  target: Target,
  acked_seq: number,
  headsOf: (ids: readonly AccountId[]) => Promise<ReadonlyMap<AccountId, Customer>>,
): Promise<void> => {
  const keys = await run(listKeys(target.nc, `${prefixOf(target)}>`, NOTES_MAX))
  if (keys.length === 0) return
  const ids = keys.map(key => idIn(target, key))
  const heads = await headsOf(ids.filter(id => id !== undefined))
  await inParallel(REQUESTS_MAX, keys, async (key, at) => {
    const id = ids[at]
    if (id !== undefined && heads.get(id)?.parked !== undefined) return
    const [note] = decodeNote(await run(getText(target.kv, key)))
    if (id !== undefined && note !== undefined && note.seq > acked_seq) return
    await run(removeKey(target.kv, key))
    target.log.warn({ key }, 'a note of a parked customer is removed: nobody is parked there')
  })
  await reportParked(target)
}

/** Removes the note of a customer that is no longer parked. */
export const forgetParked = (target: Target, id: AccountId): Promise<void> =>
  run(removeKey(target.kv, keyOf(target, id)))
