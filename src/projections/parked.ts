/**
 * Parked customers: those with an event of a schema that this program does not know.
 *
 * The item itself says that its customer is parked, and from where; the notes in the KV bucket are the list of them,
 * for health and for the program that knows the schema and takes them up again (`resume.ts`).
 */

import { E, pipe, t } from '../fp.js'
import { ClientId } from '../ledger/client-id.js'
import type { Parked } from '../ledger/fold.js'
import { getText, listKeys, putText, removeKey } from '../stream/config-bucket.js'
import type { ProjectionDeps } from './deps.js'
import { run } from './outcome.js'

/** KV keys take neither `:` nor `@`, so the id rides in base64url. */
const PREFIX = 'parked.balances.'
const NOTES_MAX = 10_000
const NAMED_MAX = 5

const Note = t.type({ client_id: ClientId, seq: t.number, schema: t.number })
export type ParkedNote = t.TypeOf<typeof Note>

const keyOf = (id: ClientId): string => PREFIX + Buffer.from(id).toString('base64url')

const decodeNote = (text: string | undefined): ParkedNote[] =>
  pipe(
    E.tryCatch(() => JSON.parse(text ?? '') as unknown, String),
    E.chainW(Note.decode),
    E.match(
      () => [],
      note => [note],
    ),
  )

/** Every note there is, up to 10,000. */
export const listParked = async ({ kv }: Pick<ProjectionDeps, 'kv'>): Promise<ParkedNote[]> => {
  const notes: ParkedNote[] = []
  for (const key of await run(listKeys(kv, `${PREFIX}*`, NOTES_MAX))) {
    notes.push(...decodeNote(await run(getText(kv, key))))
  }
  return notes
}

/** Says in health how many customers are parked, and names the first. */
export const reportParked = async (deps: ProjectionDeps): Promise<void> => {
  const notes = await listParked(deps)
  const named = notes.slice(0, NAMED_MAX).map(({ client_id, schema }) => `${client_id} (schema ${schema})`)
  const detail = `${notes.length} customers wait for a program that knows their schema: ${named.join(', ')}`
  deps.health.report(
    'parked customers',
    notes.length === 0 ? 'ok' : 'degraded',
    notes.length === 0 ? '' : detail,
  )
}

/** Keeps the note, says it in log and health; done before the item is written, so that no parked item goes unlisted. */
export const noteParked = async (
  deps: ProjectionDeps,
  id: ClientId,
  { seq, schema }: Pick<Parked, 'seq' | 'schema'>,
): Promise<void> => {
  await run(putText(deps.kv, keyOf(id), JSON.stringify({ client_id: id, seq, schema })))
  deps.log.error(
    { client_id: id, seq, schema },
    'a customer is parked: its event has a schema from the future',
  )
  await reportParked(deps)
}

/** The customer goes on: its note is not needed any more. */
export const forgetParked = async (deps: ProjectionDeps, id: ClientId): Promise<void> => {
  await run(removeKey(deps.kv, keyOf(id)))
  await reportParked(deps)
}
