/** The pages docs/life-of-*.md are true: the files that they name exist, and each step's file is connected with the next. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isTestCode, ROOT, readTree, type SourceFile, targetsOf } from './support/source-tree.js'

const PAGES = ['life-of-a-command', 'life-of-an-event', 'life-of-a-query'] as const
const STEPS_MAX = 15

const files: ReadonlyMap<string, SourceFile> = new Map(readTree().map(file => [file.path, file]))
const textOf = (page: string): string => readFileSync(join(ROOT, 'docs', `${page}.md`), 'utf8')
const namesIn = (text: string): string[] =>
  [...text.matchAll(/`(src\/[\w/-]+\.ts)`/g)].map(([, name = '']) => name)
/** The first file that each numbered step names, list by list. */
const listsOf = (text: string): string[][] => {
  const lists: string[][] = []
  for (const [, number, step = ''] of text.matchAll(/^(\d+)\. (.*(?:\n {3}.*)*)/gm)) {
    if (number === '1') lists.push([])
    lists.at(-1)?.push(namesIn(step)[0] ?? '')
  }
  return lists
}
/** The interface through which an endpoint calls its handler: it imports no handler, but calls all of them. */
const HANDLER = 'src/service/config.ts'

const imports = (path: string): readonly string[] => {
  const file = files.get(path)
  return file === undefined ? [] : targetsOf(file)
}

const areNeighbours = (one: string, other: string): boolean =>
  imports(one).includes(other) ||
  imports(other).includes(one) ||
  (imports(one).includes(HANDLER) && imports(other).includes(HANDLER))

describe.each(PAGES)('docs/%s.md', page => {
  const text = textOf(page)

  it('names files that are there', () => {
    expect(namesIn(text).filter(name => !existsSync(join(ROOT, name)))).toEqual([])
    expect(listsOf(text).flat()).not.toContain('')
  })

  it('leads from each file to one that it imports, that imports it, or whose handler it is', () => {
    for (const list of listsOf(text)) {
      const strangers = list.filter(
        (name, at) => at > 0 && !list.slice(0, at).some(one => areNeighbours(one, name)),
      )
      expect(strangers).toEqual([])
    }
  })

  it(`has ${STEPS_MAX} steps at the most`, () => {
    for (const list of listsOf(text)) expect(list.length).toBeLessThanOrEqual(STEPS_MAX)
  })
})

it('the page of the command has a place for every file of src/commands', () => {
  const named = namesIn(textOf('life-of-a-command'))
  const all = [...files.keys()].filter(path => path.startsWith('src/commands/') && !isTestCode(path))
  expect(all.filter(path => !named.includes(path))).toEqual([])
})
