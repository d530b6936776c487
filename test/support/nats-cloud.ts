/**
 * Simulates on this machine the cloud of the self-hosted NATS nodes: their volumes, names and secrets, and instances that come
 * and go. The nodes' user-data is the template's, with other paths and addresses.
 */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NATS_SERVER } from '../../infra/nats/release.js'
import { findServerBinary } from '../../src/embedded/binaries.js'
import { LOOPBACK } from '../../src/embedded/ports.js'
import { type Machine, startMachine } from './nats-machine.js'
import { ownPorts } from './ports.js'

/** A node as the template describes it. */
export type Rendered = { readonly host: string; readonly user_data: string }

export type Cloud = {
  /** The URL of all nodes. */
  readonly url: string
  readonly ca: string
  /** Starts an instance for the node with this number. */
  readonly launch: (place: number) => Promise<Machine>
  /** Ends an instance in good order; afterwards its volume is free. */
  readonly terminate: (machine: Machine) => Promise<void>
  /** Removes the volume of the node with this number, as when its zone is lost. */
  readonly loseVolume: (place: number) => void
  /** Replaces nats-server's tarball by other bytes. */
  readonly spoilTarball: () => void
  readonly end: () => void
}

const CERTIFICATES = fileURLToPath(new URL('../../infra/nats/certificates.sh', import.meta.url))

/** Makes the release's tarball from this machine's binary; returns its checksum. */
const makeTarball = (folder: string): string => {
  const inner = join(folder, 'release')
  mkdirSync(inner)
  copyFileSync(findServerBinary('nats-server'), join(inner, 'nats-server'))
  const file = join(folder, 'nats-server.tar.gz')
  execFileSync('tar', ['-czf', file, '-C', folder, 'release'])
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

/** Makes the secret that docs/deploy-aws.md tells the operator to make, with the same script. */
const makeNodeSecret = (folder: string, auth_conf: string): string => {
  const tls = join(folder, 'tls')
  execFileSync(CERTIFICATES, [tls, LOOPBACK, 'localhost'], { stdio: 'pipe' })
  writeFileSync(join(tls, 'auth.conf'), auth_conf)
  const bundle = execFileSync('tar', ['-cz', '-C', tls, 'ca.pem', 'node.pem', 'node.key', 'auth.conf'])
  writeFileSync(join(folder, 'node-secret'), bundle.toString('base64'))
  return readFileSync(join(tls, 'ca.pem'), 'utf8')
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')

/** Moves absolute paths into an instance's folder; `/etc/` inside another path stays. */
const movePaths = (text: string, root: string): string =>
  ['/etc/', '/var/lib/', '/usr/local/bin/', '/dev/disk/by-id/'].reduce(
    (moved, path) => moved.replaceAll(new RegExp(`(?<![\\w/.-])${escaped(path)}`, 'g'), `${root}${path}`),
    text,
  )

/** Opens a cloud with all its files in `folder`; `launch` and `loseVolume` take the index of a node. */
export const openCloud = async (
  folder: string,
  rendered: readonly Rendered[],
  auth_conf: string,
): Promise<Cloud> => {
  mkdirSync(join(folder, 'volumes'), { recursive: true })
  const sha256 = makeTarball(folder)
  const ca = makeNodeSecret(folder, auth_conf)
  const ports = await ownPorts(9)
  const [clients, routes, monitors] = [ports.slice(0, 3), ports.slice(3, 6), ports.slice(6)]
  const machines = new Map<Machine, string>()
  let launched = 0

  const scriptOf = (place: number, root: string, metadata: string): string => {
    const substitutes: readonly (readonly [string, string])[] = [
      ...rendered.map(({ host }, i) => [`${host}:6222`, `${LOOPBACK}:${routes[i]}`] as const),
      ['0.0.0.0:4222', `${LOOPBACK}:${clients[place]}`],
      ['0.0.0.0:6222', `${LOOPBACK}:${routes[place]}`],
      ['127.0.0.1:8222', `${LOOPBACK}:${monitors[place]}`],
      ['169.254.169.254', metadata],
      [NATS_SERVER.sha256, sha256],
    ]
    const text = rendered[place]?.user_data ?? ''
    return movePaths(
      substitutes.reduce((moved, [from, to]) => moved.replaceAll(from, to), text),
      root,
    )
  }

  const release = (instance_id: string): void => {
    for (const name of readdirSync(join(folder, 'volumes')).filter(each => each.endsWith('.holder'))) {
      const holder = join(folder, 'volumes', name)
      if (readlinkSync(holder) === instance_id) rmSync(holder)
    }
  }

  return {
    url: clients.map(port => `tls://${LOOPBACK}:${port}`).join(','),
    ca,
    launch: async place => {
      launched += 1
      const instance_id = `i-${launched}`
      const script = (root: string, metadata: string): string => scriptOf(place, root, metadata)
      const machine = await startMachine({ instance_id, cloud_folder: folder, script })
      machines.set(machine, instance_id)
      return machine
    },
    terminate: async machine => {
      await machine.terminate()
      release(machines.get(machine) ?? '')
    },
    loseVolume: place => {
      const volume = /^VOLUME_ID='(.+)'$/m.exec(rendered[place]?.user_data ?? '')?.[1] ?? ''
      rmSync(join(folder, 'volumes', volume), { recursive: true })
    },
    spoilTarball: () => writeFileSync(join(folder, 'nats-server.tar.gz'), 'something else'),
    end: () => {
      for (const machine of machines.keys()) machine.destroy()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
