/**
 * The words that may follow each subcommand, read from the definitions of the subcommands: what a shell completes.
 */

import type { Command } from 'commander'
import { pathOf } from './calls.js'

type Word = { readonly name: string; readonly description: string }

/** The subcommands and options that may follow `path`, the words of a subcommand with blanks between them. */
export type Words = {
  readonly path: string
  readonly commands: readonly Word[]
  readonly options: readonly Word[]
}

/** The first sentence on one line: more does not fit beside a word. */
const short = (description: string): string => description.split(/[;\n]/)[0]?.trim() ?? ''

/** The words of `command` and of all subcommands below it. */
export const wordsOf = (command: Command): readonly Words[] => [
  {
    path: pathOf(command).join(' '),
    commands: command.commands.map(sub => ({ name: sub.name(), description: short(sub.description()) })),
    options: [
      ...command.options.flatMap(({ long, description, hidden }) =>
        long == null || hidden ? [] : [{ name: long, description: short(description) }],
      ),
      { name: '--help', description: 'display help' },
    ],
  },
  ...command.commands.flatMap(wordsOf),
]
