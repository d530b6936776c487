/**
 * `jetledger assets list|add`: shows the assets that the ledger's commands take, and declares one. An asset is never taken
 * back, because accounts may have it (docs/adr/0058-assets.md).
 */

import { type Command, InvalidArgumentError } from 'commander'
import { E } from '../fp.js'
import { ASSET_SCALE_MAX } from '../ledger/account-id.js'
import { describeErrors } from '../ledger/codec.js'
import { Failure, orFail } from '../process/failure.js'
import { print, printJson } from '../process/output.js'
import { ASSETS_MAX, AssetFacts, declareAsset, readAsset, readAssets } from '../stream/assets.js'
import { getText, NEW_LEDGER_SCHEMA, SCHEMA_KEY } from '../stream/config-bucket.js'
import { manager, openBucket } from '../stream/provision.js'
import { withNats } from './command.js'
import { asset } from './options.js'
import { printTable } from './table.js'

type Options = { readonly json?: true }
type AddOptions = Options & { readonly scale: number; readonly name?: string }

/** The word for the default asset, which has no name in requests. */
const DEFAULT = 'default'

const scale = (text: string): number => {
  const n = Number(text)
  if (!/^\d+$/.test(text) || n > ASSET_SCALE_MAX)
    throw new InvalidArgumentError(`must be a whole number from 0 to ${ASSET_SCALE_MAX}.`)
  return n
}

const list = ({ json }: Options): Promise<void> =>
  withNats(async ({ nc }) => {
    const declared = await orFail(readAssets(await orFail(manager(nc))))
    const rows = [...declared].map(([name = DEFAULT, facts]) => ({ asset: name, ...facts }))
    const sorted = rows.toSorted((a, b) => (a.asset < b.asset ? -1 : 1))
    if (json) return printJson(sorted)
    if (sorted.length === 0) return print('no assets are declared: every account is of the default asset')
    printTable(
      ['ASSET', 'SCALE', 'NAME'],
      sorted.map(one => [one.asset, String(one.scale), one.name]),
    )
  })

/** An asset from the command line; undefined is the default one. */
const named = (text: string): string | undefined => (text === DEFAULT ? undefined : asset(text))

const add = (name: string | undefined, { scale: decimals, name: words, json }: AddOptions): Promise<void> =>
  withNats(async ({ nc }) => {
    const shown = name ?? DEFAULT
    const facts = AssetFacts.decode({ scale: decimals, name: words ?? shown })
    if (E.isLeft(facts)) throw new Failure(describeErrors(facts.left), { exit_code: 2 })
    const kv = await orFail(openBucket(nc))
    const [schema, before, all] = [
      await orFail(getText(kv, SCHEMA_KEY)),
      await orFail(readAsset(kv, name)),
      await orFail(readAssets(await orFail(manager(nc)))),
    ]
    if (name !== undefined && schema !== NEW_LEDGER_SCHEMA)
      throw new Failure('events of assets are of schema 2: run "jetledger schema 2" first')
    if (before === undefined && all.size >= ASSETS_MAX)
      throw new Failure(`a ledger has at most ${ASSETS_MAX} assets`)
    if (before !== undefined && before.scale !== decimals)
      throw new Failure(
        `${shown} has the scale ${before.scale}: another one would change what every amount means`,
      )
    await orFail(declareAsset(kv, name, facts.right))
    if (json) return printJson({ asset: shown, ...facts.right })
    print(`${shown} is declared (scale ${decimals}, ${facts.right.name}): commands take it within a second`)
  })

/** Adds `assets list` and `assets add`. */
export const assetsCommand = (program: Command): void => {
  const assets = program
    .command('assets')
    .description('show the assets that the ledger keeps, or declare one')
  assets
    .command('list')
    .description('list the declared assets')
    .option('--json', 'print them as JSON')
    .action(list)
  assets
    .command('add')
    .description('declare an asset; "default" says what the default one is')
    .argument('<asset>', 'its name in requests, such as EUR', named)
    .requiredOption('--scale <n>', 'the number of decimals: 2 for cents', scale)
    .option('--name <text>', 'its name for people')
    .option('--json', 'print it as JSON')
    .action(add)
}
