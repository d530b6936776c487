/**
 * The records of a text that comes in pieces: a reader is given piece after piece and returns the records that are whole.
 * csv.ts and json-lines.ts have one reader each.
 */

/** One record: its fields, or its text when it cannot be divided into fields. Empty lines are no records. */
export type TextRecord =
  | { readonly tag: 'fields'; readonly fields: readonly string[] }
  | { readonly tag: 'broken'; readonly text: string; readonly why: string }

export type RecordReader = {
  /** The records that end in this piece; none after a problem. */
  readonly push: (text: string) => readonly TextRecord[]
  /** The record after which the text ends without a line end. */
  readonly end: () => readonly TextRecord[]
  /** Why nothing after the records so far can be read: it is not known where the next one ends. */
  readonly problem: () => string | undefined
}

/** The longest record, in characters: a text without line ends must not fill the memory. */
export const RECORD_CHARS_MAX = 65_536

/** A record and the place after it; no record for an empty line. */
export type FoundRecord = { readonly end: number; readonly record?: TextRecord }

/**
 * Makes a reader. `find` gets the text and the place of a record, and returns undefined when the text does not hold the
 * whole record yet; `is_last` says that nothing comes any more.
 */
export const createRecordReader = (
  find: (text: string, at: number, is_last: boolean) => FoundRecord | undefined,
): RecordReader => {
  let rest = ''
  let problem: string | undefined
  const problemOf = (chars: number, is_endless: boolean): string | undefined => {
    if (chars > RECORD_CHARS_MAX) return `it is longer than ${RECORD_CHARS_MAX} characters`
    return is_endless ? 'it has a quotation mark that is never closed' : undefined
  }
  const take = (text: string, is_last: boolean): readonly TextRecord[] => {
    const records: TextRecord[] = []
    let at = 0
    while (at < text.length && problem === undefined) {
      const found = find(text, at, is_last)
      const end = found?.end ?? text.length
      problem = problemOf(end - at, found === undefined && is_last)
      if (found === undefined || problem !== undefined) break
      if (found.record !== undefined) records.push(found.record)
      at = end
    }
    rest = problem === undefined ? text.slice(at) : ''
    return records
  }
  return {
    push: text => take(rest + text, false),
    end: () => take(rest, true),
    problem: () => problem,
  }
}

/** The line at `at` without its line end (LF or CRLF), and the place after it; undefined while it has no line end. */
export const lineAt = (
  text: string,
  at: number,
  is_last: boolean,
): { readonly line: string; readonly end: number } | undefined => {
  const feed = text.indexOf('\n', at)
  if (feed === -1 && !is_last) return undefined
  const to = feed === -1 ? text.length : feed
  const has_return = to > at && text[to - 1] === '\r'
  return { line: text.slice(at, has_return ? to - 1 : to), end: feed === -1 ? to : feed + 1 }
}
