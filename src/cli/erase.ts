/**
 * `jetledger erase`: destroys the key under which the texts of a person are sealed, so that nobody can read them again. No event
 * is changed: everything folds, verifies and is vouched for as before (docs/privacy.md).
 */

import type { Command } from 'commander'
import { E, run } from '../fp.js'
import { accountIdOf } from '../ledger/account-id.js'
import type { ClientId } from '../ledger/client-id.js'
import { Failure, orFail } from '../process/failure.js'
import { print, printJson } from '../process/output.js'
import { eraseKey, type KeyReader, readFromLeader } from '../sealing/key-records.js'
import { KEY_AGE_MS_MAX } from '../sealing/person-keys.js'
import { countTexts, type TextCounts } from '../sealing/person-texts.js'
import { readAssets } from '../stream/assets.js'
import { leadershipOf } from '../stream/leadership.js'
import { manager } from '../stream/provision.js'
import { withNats } from './command.js'
import { confirm } from './confirm.js'
import { clientId } from './options.js'
import { deciderOf, user } from './user.js'

const REASON_CHARS_MAX = 256

type Options = {
  readonly reason: string
  readonly by: string
  readonly yes?: true
  readonly dryRun?: true
  readonly json?: true
}

const NO_KEYS =
  'this ledger does not seal texts: it has no keys of persons, and all texts are in clear (docs/privacy.md)'

const eventsHave = (count: number): string => (count === 1 ? '1 event has' : `${count} events have`)
const events = (count: number): string => (count === 1 ? '1 event' : `${count} events`)

const tellCounts = (client_id: ClientId, { sealed, erased, clear }: TextCounts): void => {
  print(`customer ${client_id}: texts of ${events(sealed)} are sealed and can be read`)
  if (erased > 0) print(`texts of ${events(erased)} were erased before`)
  if (clear > 0) print(`texts of ${events(clear)} are in clear`)
}

/** Texts that no key hides stay, whatever is erased: a script has to know. */
const failIfClear = (client_id: ClientId, { clear }: TextCounts): void => {
  if (clear > 0)
    throw new Failure(
      `${eventsHave(clear)} texts in clear on the accounts of ${client_id}, which no erasure reaches (docs/privacy.md)`,
    )
}

/** The texts of the person as they are stored now. */
const look = async (reader: KeyReader, client_id: ClientId): Promise<TextCounts> => {
  const found = await readFromLeader(reader, client_id)()
  if (E.isLeft(found) && found.left.tag === 'NotFound') throw new Failure(NO_KEYS)
  const { key } = await orFail(async () => found)
  const assets = await orFail(readAssets(reader.jsm))
  const accounts = new Set([undefined, ...assets.keys()].map(asset => accountIdOf(client_id, asset)))
  const { last_seq } = await run(leadershipOf(reader.nc).prove())
  return countTexts(reader.nc, [...accounts], key?.name, last_seq)
}

/** Destroys the key, and says what became of it. */
const destroy = async (
  reader: KeyReader,
  client_id: ClientId,
  counts: TextCounts,
  { reason, by, json }: Options,
): Promise<void> => {
  const erasure = { at: new Date().toISOString(), by, reason }
  const { outcome, overwritten } = await orFail(eraseKey(reader, client_id, erasure))
  if (json) printJson({ client_id, ...counts, outcome, overwritten, ...erasure })
  else if (outcome === 'none') print(`${client_id} has no key: there was nothing to erase`)
  else print(`erased: the key of ${client_id} is destroyed, and overwritten on the disks of the servers`)
}

const erase = (client_id: ClientId, options: Options): Promise<void> =>
  withNats(async ({ nc }) => {
    const { reason, yes, dryRun, json } = options
    if (reason.length === 0 || reason.length > REASON_CHARS_MAX)
      throw new Failure(`--reason must be a text of 1 to ${REASON_CHARS_MAX} characters`, { exit_code: 2 })
    const reader = { nc, jsm: await orFail(manager(nc)) }
    const { by } = await deciderOf(nc, options.by)
    const counts = await look(reader, client_id)
    if (!json) tellCounts(client_id, counts)
    if (dryRun && json) printJson({ client_id, ...counts, outcome: 'dry run' })
    if (!dryRun) {
      const question = `The key of ${client_id} will be destroyed, and with it what it has sealed, for good.`
      if (!yes) await confirm(question)
      await destroy(reader, client_id, counts, { ...options, by })
    }
    failIfClear(client_id, counts)
  })

const HELP = `
Reference and metadata of an event are sealed under a key of the customer, those of a transfer under the keys of both. Without
the key they are gone: in the stream, the tables, answers, exports, and in every backup of the ledger. Balances, amounts and
ids stay. Instances forget the key at once, and ${KEY_AGE_MS_MAX / 1_000} s later at the latest where they do not hear of it.
What is written for the customer later is sealed under a new key.

A backup of the bucket customer-keys that was made before still has the key: docs/privacy.md.

Exit codes: 0 erased, or there was nothing; 1 texts in clear are left, which were written before the ledger sealed them or by a
publisher of the stream; 2 a wrong call; 3 NATS cannot be reached.`

export const eraseCommand = (program: Command): void => {
  program
    .command('erase')
    .argument('<client_id>', 'the customer, with all accounts', clientId)
    .description('destroy the key of a customer, so that references and metadata can never be read again')
    .requiredOption('--reason <text>', 'why')
    .option(
      '--by <who>',
      'a note on who decides; the user of the connection is recorded where it is known',
      user(),
    )
    .option('--dry-run', 'only count the texts')
    .option('--yes', 'do not ask')
    .option('--json', 'print the outcome as JSON')
    .addHelpText('after', HELP)
    .action(erase)
}
