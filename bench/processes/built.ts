/**
 * The product as it is shipped: what runs here is the build in `dist`, the sources give only the types.
 *
 * The embedded servers also have to come from there, because they find their programs from where their file lies.
 */

/** The repository; this file runs as `bench/dist/bench/processes/built.js`. */
export const ROOT = new URL('../../../../', import.meta.url)

type Embedded = typeof import('../../src/embedded/index.js')

export const builtEmbedded = async (): Promise<Embedded> =>
  (await import(new URL('dist/embedded/index.js', ROOT).href)) as Embedded
