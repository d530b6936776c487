/**
 * The one door to fp-ts and io-ts.
 *
 * Both are CommonJS without an `exports` map: `import 'fp-ts/Either'` type-checks in an ES module and then fails
 * in Node with ERR_UNSUPPORTED_DIR_IMPORT, so the deep paths stand here and nowhere else (`test/layers.unit.spec.ts`
 * holds everyone to it).
 */

import * as E from 'fp-ts/lib/Either.js'
import { pipe } from 'fp-ts/lib/function.js'
import * as O from 'fp-ts/lib/Option.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import * as t from 'io-ts'

export type Either<L, A> = E.Either<L, A>
export type TaskEither<L, A> = TE.TaskEither<L, A>
export type Option<A> = O.Option<A>
export { E, O, pipe, TE, t }
