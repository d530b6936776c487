/**
 * The calls of the program: its commands that have no further ones below them.
 */

import type { Command } from 'commander'

/** The words that name a command, without the program's: `['dead-letters', 'list']`. */
export const pathOf = (command: Command): readonly string[] =>
  command.parent === null ? [] : [...pathOf(command.parent), command.name()]

/** Every call below a command, or the command itself where it is one. */
export const callsOf = (command: Command): readonly Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(callsOf)

/** The program that a command belongs to. */
export const programOf = (command: Command): Command =>
  command.parent === null ? command : programOf(command.parent)
