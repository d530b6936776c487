/** The definitions of all subcommands: what every call has, and what is made of them. */

import { execFileSync } from 'node:child_process'
import type { Command } from 'commander'
import { describe, expect, it, vi } from 'vitest'
import { commandsPage } from '../../test/support/commands-page.js'
import { callsOf, pathOf } from './calls.js'
import { createProgram } from './program.js'
import { exampleOf, loadSubcommands } from './subcommands.js'
import { tableLines } from './table.js'

// the files of all subcommands take longer to load than a hook may take on a busy machine
const program = createProgram(await loadSubcommands(undefined))
const nameOf = (call: Command): string => pathOf(call).join(' ')
const calls = (): Map<string, Command> => new Map(callsOf(program).map(call => [nameOf(call), call]))
const optionsOf = (call: Command | undefined): string[] => (call?.options ?? []).map(({ long }) => long ?? '')

/** Calls that run until they are stopped, or whose result is a text for another program. */
const WITHOUT_JSON = /^(dev|serve|permissions .*|completion .*)$/

describe('every call', () => {
  it('has a description, an example that begins with its name, and says its result as JSON', () => {
    for (const [name, call] of calls()) {
      expect([name, call.description()]).not.toEqual([name, ''])
      expect([name, exampleOf(call)]).toEqual([name, expect.stringContaining(`jetledger ${name}`)])
      expect([name, optionsOf(call).includes('--json')]).toEqual([name, !WITHOUT_JSON.test(name)])
    }
  })

  it('that goes to a ledger can be told which one', () => {
    const without = [...calls()].filter(([, call]) => !optionsOf(call).includes('--context'))
    const kinds = new Set(without.map(([name]) => name.split(' ')[0]))
    expect([...kinds].sort()).toEqual([
      'chaos',
      'completion',
      'context',
      'control-plane',
      'dev',
      'heads',
      'permissions',
      'version',
    ])
    expect(optionsOf(calls().get('heads show'))).toEqual(expect.arrayContaining(['--server', '--creds']))
  })

  it('stands in a group of the help', () => {
    const [, ungrouped] = program.helpInformation().split('Commands:')
    expect(ungrouped?.trim().split('\n')).toEqual([expect.stringMatching(/^help /)])
  })
})

/** Values for options that take no other text. */
const VALID: Readonly<Record<string, string>> = { '--scale': '2' }

describe('a wrong call', () => {
  it.each([...calls().keys()])(
    'of "jetledger %s" is refused before anything is done, and named',
    async name => {
      const fresh = createProgram(await loadSubcommands(name.split(' ')[0]))
      const written: string[] = []
      for (const call of callsOf(fresh)) call.configureOutput({ writeErr: text => written.push(text) })
      const needed = (calls().get(name)?.options ?? []).filter(({ mandatory }) => mandatory)
      const given = needed.flatMap(({ long }) => [long ?? '', VALID[long ?? ''] ?? 'xx'])
      const words = ['node', 'jetledger', ...name.split(' '), ...given, '--no-such-option']
      await expect(fresh.parseAsync(words)).rejects.toMatchObject({
        code: 'commander.unknownOption',
        exitCode: 1,
      })
      expect(written.join('')).toContain("unknown option '--no-such-option'")
    },
  )
})

it('docs/commands.md is the page of these definitions', async () => {
  await expect(commandsPage(program)).toMatchFileSnapshot('../../docs/commands.md')
})

describe('completion', () => {
  const scriptOf = async (shell: string): Promise<string> => {
    const fresh = createProgram(await loadSubcommands('completion'))
    const written: string[] = []
    const stdout = vi.spyOn(process.stdout, 'write').mockImplementation(text => {
      written.push(String(text))
      return true
    })
    await fresh.parseAsync(['node', 'jetledger', 'completion', shell])
    stdout.mockRestore()
    return written.join('')
  }

  it('completes in a real bash what may follow', async () => {
    const script = await scriptOf('bash')
    const complete = (...words: string[]): string => {
      const quoted = words.map(word => `'${word}'`).join(' ')
      const ask = `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _jetledger; echo "\${COMPREPLY[@]}"`
      return execFileSync('bash', ['-c', `${script}\n${ask}`], { encoding: 'utf8' }).trim()
    }
    expect(complete('jetledger', 'dea')).toBe('dead-letters')
    expect(complete('jetledger', 'dead-letters', 're')).toBe('retry')
    expect(complete('jetledger', 'dead-letters', 'list', '--cl')).toBe('--client-id')
    expect(complete('jetledger', 'credit', '--reference', 'status', '--tr')).toBe('--transaction-id')
  })

  it.each(['zsh', 'fish'])('for %s names every subcommand and option', async shell => {
    const script = await scriptOf(shell)
    for (const call of calls().values())
      for (const word of [...pathOf(call), ...optionsOf(call).map(option => option.slice(2))])
        expect(script).toContain(word)
  })
})

it('a table has headings and columns for a person, and plain rows for a script', () => {
  const rows = [
    ['1', 'a b', 'x'],
    ['22', 'c', '\u001b[2J'],
  ]
  expect(tableLines(['SEQ', 'WHAT', 'WHY'], rows, true)).toEqual([
    'SEQ  WHAT  WHY',
    '1    a b   x',
    '22   c     \\u001b[2J',
  ])
  expect(tableLines(['SEQ', 'WHAT', 'WHY'], rows, false)).toEqual(['1  a b  x', '22  c  \\u001b[2J'])
})
