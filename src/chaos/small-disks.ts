/**
 * Mounts small file systems for the stores of the nodes, so that one node's disk can be full while the other disks have room.
 * Mounting needs rights that a run may lack.
 */

import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export type SmallDisks = {
  /** Fills the disk that holds this folder, to the last byte. */
  readonly fill: (folder: string) => void
  /** Frees the disk again. */
  readonly free: (folder: string) => void
  readonly unmount: () => void
}

const DISK_MB = 256
const BLOCK = Buffer.alloc(64 * 1024)
const FILLER = 'filler-of-the-chaos-run'
const MOUNT_MS_MAX = 5_000

const run = (program: string, args: readonly string[]): void => {
  execFileSync(program, args, { stdio: 'pipe', timeout: MOUNT_MS_MAX })
}

const unmountAll = (folders: readonly string[]): void => {
  for (const folder of folders) run('umount', [folder])
}

const isFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOSPC'

/** Fills a disk with ever smaller writes, until not even one byte fits. */
const fill = (folder: string): void => {
  const file = openSync(join(folder, FILLER), 'w')
  try {
    for (let length = BLOCK.length; length >= 1; ) {
      try {
        writeSync(file, BLOCK, 0, length)
      } catch (error) {
        if (!isFull(error)) throw error
        length = Math.floor(length / 2)
      }
    }
  } finally {
    closeSync(file)
  }
}

/** Mounts a file system in memory on each folder; returns the reason when that is not possible. */
export const mountSmallDisks = (folders: readonly string[]): SmallDisks | { readonly why_not: string } => {
  if (process.platform !== 'linux') return { why_not: 'small disks are made on Linux only' }
  if (process.getuid?.() !== 0) return { why_not: 'only root may mount the small disk that it needs' }
  const mounted: string[] = []
  try {
    for (const folder of folders) {
      mkdirSync(folder, { recursive: true })
      run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'jetledger-chaos', folder])
      mounted.push(folder)
    }
  } catch (error) {
    unmountAll(mounted)
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n').slice(-2)
    return { why_not: `a small disk could not be mounted: ${reason}` }
  }
  return {
    fill,
    free: folder => rmSync(join(folder, FILLER), { force: true }),
    unmount: () => unmountAll(mounted),
  }
}
