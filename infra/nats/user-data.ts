/**
 * Renders the user-data of a node: the values of this node, the files that it writes, and `boot.sh`.
 */

import { infraFile } from '../repository-root.js'

/** The values of a node. The names are variables of boot.sh and probe.sh; a value may be a CloudFormation token. */
export type NodeValues = Readonly<
  Record<
    | 'NODE'
    | 'REGION'
    | 'STACK'
    | 'GROUP'
    | 'VOLUME_ID'
    | 'BUCKET'
    | 'TARBALL'
    | 'TARBALL_SHA256'
    | 'SECRET'
    | 'DNS_SERVICE'
    | 'LOG_GROUP',
    string
  >
>

const END = 'END_OF_FILE'

/** A line that is empty or a comment. The first line of a script (`#!`) is neither. */
const SAYS_NOTHING = /^\s*(#(?!!).*)?$/

/**
 * A file of this folder without comments. A node is replaced when its user-data changes, and an edited comment is no
 * reason for that.
 */
const bareFile = (name: string): string =>
  infraFile('nats', name)
    .split('\n')
    .filter(line => !SAYS_NOTHING.test(line))
    .map(line => `${line}\n`)
    .join('')

/** Shell lines that write `text` to `path` literally, without any expansion. */
const heredoc = (path: string, mode: string, text: string): string =>
  `  cat >${path} <<'${END}'\n${text}${END}\n  chmod ${mode} ${path}`

const assignments = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}='${value}'`)
    .join('\n')

/** The script that cloud-init runs as root at the first boot. */
export const renderUserData = (values: NodeValues, conf: string): string => {
  const { NODE, REGION, LOG_GROUP } = values
  const files = [
    heredoc('/etc/nats/nats.conf', '0644', conf),
    heredoc('/etc/nats/node.env', '0644', `${assignments({ NODE, REGION, LOG_GROUP })}\n`),
    heredoc('/usr/local/bin/nats-probe', '0755', bareFile('probe.sh')),
    ...['nats.service', 'nats-probe.service', 'nats-probe.timer'].map(unit =>
      heredoc(`/etc/systemd/system/${unit}`, '0644', bareFile(unit)),
    ),
  ]
  return ['#!/bin/bash', assignments(values), 'write_files() {', ...files, '}', bareFile('boot.sh')].join(
    '\n',
  )
}
