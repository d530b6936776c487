// Packs the subcommand `serve` of an older Jetledger into one file of test/older, for the test in which an older program runs
// beside this one. A checkout has no older program: a clone may have no history, and no registry has the package.
//
//     git worktree add ../older <commit> && cd ../older && npm ci
//     node scripts/bundle-older.mjs ../older          # from this checkout
//
// The packages that it imports stay outside: those of this checkout are used. The same commit gives the same file.
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { build } from 'vite'

const [, , folder] = process.argv
if (folder === undefined) throw new Error('node scripts/bundle-older.mjs <folder of a built checkout>')
const older = resolve(folder)
const { name, version } = JSON.parse(readFileSync(join(older, 'package.json'), 'utf8'))

const MAIN = 'older:main'
/** Only the subcommand `serve`, because the others are most of the program. */
const SOURCE = `
import { Command } from 'commander'
import { serveCommand } from ${JSON.stringify(join(older, 'dist/cli/serve.js'))}
const program = new Command('jetledger')
serveCommand(program)
await program.parseAsync()
process.exit(0)`

const { output } = await build({
  configFile: false,
  root: older,
  logLevel: 'warn',
  plugins: [
    {
      name: 'main',
      resolveId: id => (id === MAIN ? id : undefined),
      load: id => (id === MAIN ? SOURCE : undefined),
    },
  ],
  ssr: { external: true },
  build: {
    ssr: true,
    write: false,
    minify: true,
    rolldownOptions: {
      input: { main: MAIN, 'projections-worker': join(older, 'dist/process/projections-worker.js') },
      // the worker is found beside the module that starts it, and package.json two levels above
      output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name].js' },
    },
  },
})
const files = {
  'package.json': JSON.stringify({ name, version, type: 'module' }),
  ...Object.fromEntries(output.map(({ fileName, code }) => [`dist/older/${fileName}`, code])),
}
const file = join(import.meta.dirname, '..', 'test', 'older', `${name}-${version}.json.br`)
writeFileSync(file, brotliCompressSync(JSON.stringify(files)))
