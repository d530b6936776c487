/**
 * What a person or a script reads: results on standard output, everything else on standard error.
 */

/** Prints a line of the result. */
export const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** Prints a line that is not part of the result. */
export const tell = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

/** Prints a value as JSON that a script can read (amounts beyond 2^53-1 as strings). */
export const printJson = (value: unknown): void => {
  print(JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? inner.toString() : inner), 2))
}
