/**
 * Builds Jetledger with one of its safeguards removed: a copy of the compiled program in which a few words of one or two files
 * are replaced. The program itself has no switch for this.
 *
 * The words of a replacement are in one line and the same in a source file and its compiled form, so that
 * test/mutants.unit.spec.ts can find out without a build when the program no longer has them.
 */

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './source-tree.js'

type Replacement = {
  /** The path below src and dist, without the file name extension. */
  readonly file: string
  readonly from: string
  readonly to: string
}

export type Mutant = {
  /** The safeguard that is removed. */
  readonly without: string
  readonly replacements: readonly Replacement[]
  /** The faults of `jetledger chaos` that expose it. */
  readonly faults: readonly string[]
  /** At least one of these checks must fail. */
  readonly seen_by: readonly string[]
}

/** All mutants. A mutant also removes the other safeguards that would make up for the missing one. */
export const MUTANTS: readonly Mutant[] = [
  {
    without: 'the expected sequence on writes',
    replacements: [
      {
        file: 'commands/group-commit/plan',
        from: 'is_first ? (loaded.get(id)?.last_seq ?? 0) : undefined',
        to: 'undefined',
      },
    ],
    // no fault is needed: two instances that write to the same customers are enough
    faults: [],
    seen_by: ['version chains', 'acknowledged'],
  },
  {
    without: 'the proof of leadership',
    replacements: [
      {
        file: 'stream/hearing',
        from: 'outlived_ms + ELECTION_MS_MIN',
        to: 'Number.POSITIVE_INFINITY',
      },
    ],
    faults: ['partition-leader'],
    seen_by: ['strong reads', 'transaction', 'nothing stored', 'refusals', 'plain reads'],
  },
  {
    without: 'the write condition of the projector',
    replacements: [
      // the mark in the same transaction is a condition too, so it is removed as well
      {
        file: 'tables/identity',
        from: 'newest_seq BETWEEN :from AND :seq',
        to: '(newest_seq BETWEEN :from AND :seq OR attribute_exists(id))',
      },
      {
        file: 'tables/heads',
        from: 'attribute_not_exists(id) OR (seq = :none',
        to: 'attribute_not_exists(id) OR attribute_exists(id) OR (seq = :none',
      },
      {
        file: 'tables/heads',
        from: '`seq = :seq AND ',
        to: '`attribute_exists(id) OR seq = :seq AND ',
      },
    ],
    faults: ['freeze-instance'],
    // the check `tables` may pass at the end, because the program finds the damage by itself and folds the items again
    seen_by: ['progress', 'tables'],
  },
  {
    without: 'acknowledging after writing',
    replacements: [
      {
        file: 'projections/consume',
        from: 'const { next_seq, looked } = await handle(',
        to: 'acknowledge(delivered, Number.POSITIVE_INFINITY); const { next_seq, looked } = await handle(',
      },
    ],
    faults: ['dynamodb-slow'],
    seen_by: ['progress'],
  },
  {
    without: 'the check for duplicates',
    replacements: [
      { file: 'commands/group-commit/plan', from: "msg_id: event.transaction_id ?? ''", to: "msg_id: ''" },
      // ids that are younger than the stream's memory of ids are looked up as well
      {
        file: 'commands/idempotency/transactions',
        from: 'await find(transaction_id, customersOfCommand(command)[0])',
        to: 'undefined',
      },
      // a retry goes to the instance that decides for its customer, which remembers what it settled lately
      {
        file: 'commands/idempotency/recent',
        from: 'const entry = entries.get(command.transaction_id)',
        to: 'const entry = undefined',
      },
    ],
    // no fault is needed: a retry is enough
    faults: [],
    seen_by: ['one outcome', 'acknowledged'],
  },
  {
    without: "the server's time",
    replacements: [
      {
        file: 'stream/leadership',
        from: 'const server_time = new Date(ts)',
        to: 'const server_time = new Date()',
      },
    ],
    faults: ['clock-behind'],
    seen_by: ['the past', 'one outcome'],
  },
]

/** The number of times that `words` occur in a text. */
export const timesIn = (text: string, words: string): number => text.split(words).length - 1

const replaceIn = (path: string, { from, to }: Replacement): void => {
  const text = readFileSync(path, 'utf8')
  const times = timesIn(text, from)
  if (times !== 1) throw new Error(`${path} has ${times} times, and not once: ${from}`)
  // a function as replacement, because "$" has a meaning in a replacement text
  writeFileSync(
    path,
    text.replace(from, () => to),
  )
}

/** A folder from which packages are found, and which is never committed. */
const PLACE = join(ROOT, 'node_modules', '.cache', 'jetledger', 'mutants')

/** Makes the compiled program of a mutant in a folder of that name; returns the folder to run it from. */
export const buildMutant = (name: string, { replacements }: Mutant): string => {
  const folder = join(PLACE, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  const dist = join(folder, 'dist')
  cpSync(join(ROOT, 'dist'), dist, { recursive: true })
  for (const replacement of replacements) replaceIn(join(dist, `${replacement.file}.js`), replacement)
  return dist
}

export const removeMutants = (): void => rmSync(PLACE, { recursive: true, force: true })
