/**
 * Parked customers: those with an event of a schema that this program does not know.
 *
 * The item itself says that its customer is parked, and from where; the notes in the KV bucket are the list of them,
 * for health and for the program that knows the schema and takes them up again (`resume.ts`).
 */

import { E, pipe, run, t } from '../fp.js'
import { readJson } from '../json.js'
import { ClientId } from '../ledger/client-id.js'
import { fieldsOf } from '../ledger/codec.js'
import type { Customer, Parked } from '../ledger/fold.js'
import { inParallel } from '../parallel.js'
import { getText, listKeys, putText, removeKey } from '../stream/config-bucket.js'
import type { Target } from './target.js'

/** KV keys take neither `:` nor `@`, so the id rides in base64url. */
const prefixOf = ({ projection }: Pick<Target, 'projection'>): string => `parked.${projection.name}.`
const NOTES_MAX = 10_000
const NAMED_MAX = 5
const REQUESTS_MAX = 32

/** `decided`: a decision about the event has come, and the customer is to be folded again. */
const Note = fieldsOf({ client_id: ClientId, seq: t.number, schema: t.number }, { decided: t.boolean })
export type ParkedNote = t.TypeOf<typeof Note>

const keyOf = (target: Pick<Target, 'projection'>, id: ClientId): string =>
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

type Noted = Pick<Target, 'kv' | 'projection'>

const readNotes = async ({ kv }: Noted, keys: readonly string[]): Promise<ParkedNote[]> =>
  (await inParallel(REQUESTS_MAX, keys, async key => decodeNote(await run(getText(kv, key))))).flat()

/** Every note there is, up to 10,000. */
export const listParked = async (target: Noted): Promise<ParkedNote[]> =>
  readNotes(target, await run(listKeys(target.kv, `${prefixOf(target)}*`, NOTES_MAX)))

/** Says in health how many customers are parked, and names the first; one projection speaks for all. */
export const reportParked = async (target: Target): Promise<void> => {
  if (!target.projection.keeps_letters) return
  const keys = await run(listKeys(target.kv, `${prefixOf(target)}*`, NOTES_MAX))
  const notes = await readNotes(target, keys.slice(0, NAMED_MAX))
  const named = notes.map(({ client_id, schema }) => `${client_id} (schema ${schema})`).join(', ')
  const detail = `${keys.length} customers wait for a program that knows their schema: ${named}`
  target.health.report(
    'parked customers',
    keys.length === 0 ? 'ok' : 'degraded',
    keys.length === 0 ? '' : detail,
  )
}

/** A customer to be noted. */
export type NewlyParked = { readonly id: ClientId; readonly parked: Pick<Parked, 'seq' | 'schema'> }

/**
 * Keeps a note for each, says it in log and health; done before the items are written, so that no parked item goes
 * unlisted. Health is told once for all: one publisher may park very many.
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
 * Notes that the decision has come which a customer waits for. It lasts until the customer goes on: whoever is killed
 * before finds it when it starts again.
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
 * Makes notes anew that somebody deleted or wrote over, for customers of whom `heads` say that they are parked. They are
 * noted as decided: whether a decision has come shows when the customer is taken up.
 */
export const renewNotes = async (
  target: Target,
  heads: readonly (readonly [ClientId, Customer])[],
): Promise<void> => {
  const parked = heads.flatMap(([id, head]) =>
    head.parked === undefined ? [] : [{ id, parked: head.parked }],
  )
  const lost = await inParallel(REQUESTS_MAX, parked, async customer => {
    const [note] = decodeNote(await run(getText(target.kv, keyOf(target, customer.id))))
    return note === undefined || note.client_id !== customer.id ? [customer] : []
  })
  await noteDecided(target, lost.flat())
}

/** The id in the key of a note; undefined in a key that is not ours. */
const idIn = (target: Noted, key: string): ClientId | undefined => {
  const id = ClientId.decode(Buffer.from(key.slice(prefixOf(target).length), 'base64url').toString())
  return E.isRight(id) && keyOf(target, id.right) === key ? id.right : undefined
}

/**
 * Removes what is under the notes' keys and tells of no parked customer: somebody wrote it by hand. A note is written
 * before its customer's item is, so one of an event that is not handled yet stays.
 */
export const removeStrayNotes = async (
  target: Target,
  acked_seq: number,
  headsOf: (ids: readonly ClientId[]) => Promise<ReadonlyMap<ClientId, Customer>>,
): Promise<void> => {
  const keys = await run(listKeys(target.kv, `${prefixOf(target)}>`, NOTES_MAX))
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

/** The customer goes on: its note is not needed any more. */
export const forgetParked = (target: Target, id: ClientId): Promise<void> =>
  run(removeKey(target.kv, keyOf(target, id)))
