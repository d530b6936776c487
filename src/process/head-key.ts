/** Reads the key that signs heads of the ledger, where one is configured. */

import { type Signer, signerOf } from '../chain/nkey.js'
import { E, pipe } from '../fp.js'
import type { Config } from './config.js'
import { Failure } from './failure.js'
import { readTextFile } from './text-file.js'

const VARIABLE = 'JETLEDGER_HEAD_SEED_FILE'

/** The signer that is configured; undefined when none is. Throws `Failure`, which does not hold the seed. */
export const configuredSigner = ({ JETLEDGER_HEAD_SEED_FILE: path }: Config): Signer | undefined =>
  path === undefined
    ? undefined
    : pipe(
        signerOf(readTextFile(VARIABLE, path)),
        E.getOrElse((problem): Signer => {
          throw new Failure(`${VARIABLE}: ${path}: ${problem}`, { exit_code: 2 })
        }),
      )
