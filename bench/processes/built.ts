/**
 * Loads the product as it is shipped: the code comes from the build in `dist`, and the sources give only the types.
 *
 * The embedded servers also have to come from `dist`, because they find their programs relative to their own file.
 */

/** The repository; this file runs as `bench/dist/bench/processes/built.js`. */
export const ROOT = new URL('../../../../', import.meta.url)

type Embedded = typeof import('../../src/embedded/index.js')

export const builtEmbedded = async (): Promise<Embedded> =>
  (await import(new URL('dist/embedded/index.js', ROOT).href)) as Embedded
