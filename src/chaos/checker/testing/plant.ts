/** Breaks one promise of a run on purpose, and asks which checks see it. */

import { judge } from '../judge.js'
import { createWorld } from '../world.js'
import { goodRun, type Run } from './run.js'

/** What every check says of a run. */
export const resultsOf = (run: Run) => judge(createWorld(run, run.entries)).map(({ result }) => result)
/** The names of the checks that see something in a run in which one thing is changed. */
export const brokenBy = (plant: (run: Run) => void, run = goodRun()): readonly string[] => {
  plant(run)
  return resultsOf(run)
    .filter(({ violations }) => violations > 0)
    .map(({ name }) => name)
}

/** Replaces a text in a body; throws when it is not there, because then nothing would be planted. */
export const withText =
  (from: string, to: string) =>
  <A extends { readonly body: string }>({ body }: A): { readonly body: string } => {
    if (!body.includes(from)) throw new Error(`no ${from} in ${body}`)
    return { body: body.replace(from, to) }
  }
