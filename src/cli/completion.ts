/**
 * `jetledger completion bash|zsh|fish`: prints a script with which a shell completes subcommands and options. It is made of
 * the definitions of the subcommands, so it knows every one of them.
 */

import type { Command } from 'commander'
import { printText } from '../process/output.js'
import { programOf } from './calls.js'
import { type Words, wordsOf } from './words.js'

/** A text in single quotes for a POSIX shell; fish takes `\'` within them. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
const quotedForFish = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

const namesOf = ({ commands, options }: Words): string =>
  [...commands, ...options].map(({ name }) => name).join(' ')

/** A `case` of each path; the words of the line that are subcommands make the path. */
const bash = (
  all: readonly Words[],
): string => `# completion of jetledger for bash: source <(jetledger completion bash)
_jetledger_words() {
  case "$1" in
${all.map(words => `    ${quoted(words.path)}) echo ${quoted(namesOf(words))} ;;`).join('\n')}
  esac
}
_jetledger() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ -n "$(_jetledger_words "\${path:+$path }$word")" ]] && path="\${path:+$path }$word"
  done
  COMPREPLY=($(compgen -W "$(_jetledger_words "$path")" -- "$current"))
}
complete -o default -F _jetledger jetledger
`

const described = (entries: Words['commands']): string =>
  entries.map(({ name, description }) => quoted(`${name.replaceAll(':', '\\:')}:${description}`)).join(' ')

const zsh = (all: readonly Words[]): string => `#compdef jetledger
# completion of jetledger for zsh: source <(jetledger completion zsh)
_jetledger() {
  local path_of="" word
  local -a subcommands options
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${path_of:+$path_of }$word" in
${all
  .filter(({ path }) => path !== '')
  .map(({ path }) => `      ${quoted(path)}) path_of=${quoted(path)} ;;`)
  .join('\n')}
    esac
  done
  case "$path_of" in
${all
  .map(
    words => `    ${quoted(words.path)})
      subcommands=(${described(words.commands)})
      options=(${described(words.options)}) ;;`,
  )
  .join('\n')}
  esac
  (( \${#subcommands} )) && _describe 'subcommand' subcommands
  [[ "$PREFIX" == -* ]] && _describe 'option' options
  (( \${#subcommands} )) || _files
}
compdef _jetledger jetledger
`

/** One line for each word. A condition names the words that have to stand before it. */
const fish = (all: readonly Words[]): string => {
  const lines = all.flatMap(({ path, commands, options }) => {
    const seen = path === '' ? [] : path.split(' ').map(word => `__fish_seen_subcommand_from ${word}`)
    const others = commands.map(({ name }) => name).join(' ')
    const none_yet =
      path === ''
        ? '__fish_use_subcommand'
        : [...seen, `not __fish_seen_subcommand_from ${others}`].join('; and ')
    return [
      ...commands.map(
        ({ name, description }) =>
          `complete -c jetledger -f -n ${quotedForFish(none_yet)} -a ${name} -d ${quotedForFish(description)}`,
      ),
      ...options.map(({ name, description }) => {
        const where = seen.length === 0 ? '' : ` -n ${quotedForFish(seen.join('; and '))}`
        return `complete -c jetledger${where} -l ${name.slice(2)} -d ${quotedForFish(description)}`
      }),
    ]
  })
  return `# completion of jetledger for fish: jetledger completion fish | source\n${lines.join('\n')}\n`
}

const SHELLS = { bash, zsh, fish }

export const completionCommand = (program: Command): void => {
  const completion = program
    .command('completion')
    .description('print a script with which a shell completes subcommands and options')
  for (const [shell, scriptOf] of Object.entries(SHELLS))
    completion
      .command(shell)
      .description(`the script for ${shell}`)
      .action((_, command: Command) => printText(scriptOf(wordsOf(programOf(command))).trimEnd()))
}
