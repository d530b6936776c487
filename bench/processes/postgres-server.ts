/**
 * Runs PostgreSQL's server in a data folder until SIGTERM, and ends it when the benchmark is gone, even after kill -9 of
 * the benchmark. PostgreSQL refuses to run as root, so it may run as another user.
 */

import { spawn } from 'node:child_process'

/** What a team states in production: every commit on disk, and memory for the whole of this small ledger. */
const SETTINGS = [
  'fsync=on',
  'synchronous_commit=on',
  'shared_buffers=256MB',
  'max_wal_size=4GB',
  'max_connections=200',
  'listen_addresses=',
]

const [, , program = '', folder = '', uid, gid] = process.argv

const server = spawn(
  program,
  ['-D', `${folder}/data`, '-k', folder, ...SETTINGS.flatMap(setting => ['-c', setting])],
  {
    stdio: ['ignore', 'ignore', 'ignore'],
    cwd: folder,
    ...(uid === undefined ? {} : { uid: Number(uid), gid: Number(gid) }),
  },
)
/** A fast shutdown: PostgreSQL ends its connections and writes a checkpoint. */
const end = (): void => {
  server.kill('SIGINT')
}
process.on('disconnect', end)
process.on('SIGTERM', end)
server.on('error', () => process.exit(1))
server.on('exit', code => process.exit(code ?? 1))
// the IPC channel must not keep this process alive when the server has ended
process.channel?.unref()
