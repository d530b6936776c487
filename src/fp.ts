/**
 * The one door to fp-ts and io-ts.
 *
 * Both are CommonJS without an `exports` map: `import 'fp-ts/Either'` type-checks in an ES module and then fails
 * in Node with ERR_UNSUPPORTED_DIR_IMPORT, so the deep paths stand here and nowhere else (`.dependency-cruiser.mjs`
 * holds everyone to it).
 */

import * as E from 'fp-ts/lib/Either.js'
import { pipe } from 'fp-ts/lib/function.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import * as t from 'io-ts'

export type Either<L, A> = E.Either<L, A>
export type TaskEither<L, A> = TE.TaskEither<L, A>

export { E, pipe, TE, t }
