/** Reads the repository's own source, for the tests of its rules. */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A file of the source; `path` is relative to the repository and has forward slashes. */
export type SourceFile = { readonly path: string; readonly text: string }
/** Returns one sentence for each violation in a file. */
export type Rule = (file: SourceFile) => readonly string[]

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const ROOTS = ['src', 'infra', 'test', 'bench']

export const isTestCode = (path: string): boolean =>
  path.endsWith('.spec.ts') || path.startsWith('test/') || path.includes('/testing/')

const STRING_OR_COMMENT =
  /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g
export const withoutComments = (text: string): string =>
  text.replace(STRING_OR_COMMENT, (_, string: string | undefined) => string ?? ' ')
export const withoutStrings = (text: string): string =>
  text.replace(STRING_OR_COMMENT, (_, string: string | undefined) => (string?.startsWith('`') ? string : ' '))

const IMPORTS = [
  /^\s*(?:import|export)\b[^'"]*?\bfrom\s*['"]([^'"\n]+)['"]/gm,
  /^\s*import\s*['"]([^'"\n]+)['"]/gm,
  /\bimport\s*\(\s*['"]([^'"\n]+)['"]/g,
]
const importsOf = ({ text }: SourceFile): readonly string[] => {
  const code = withoutComments(text)
  return IMPORTS.flatMap(pattern => [...code.matchAll(pattern)].map(match => match[1] ?? ''))
}
const isRelative = (specifier: string): boolean => specifier.startsWith('.')
/** The target of a relative import, as a path in the repository. */
const target = ({ path }: SourceFile, specifier: string): string =>
  posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts')
export const targetsOf = (file: SourceFile): readonly string[] =>
  importsOf(file)
    .filter(isRelative)
    .map(specifier => target(file, specifier))
export const readTree = (): readonly SourceFile[] =>
  readdirSync(ROOT, { withFileTypes: true })
    .filter(entry => entry.isDirectory() && ROOTS.includes(entry.name))
    .flatMap(({ name }) => readdirSync(join(ROOT, name), { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => join(entry.parentPath, entry.name))
    .map(path => ({ path: relative(ROOT, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }))
