/** The file of `apply`, and the difference between what it says and what an account is. */

import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { changesOf, describeChanges } from './changes.js'
import { type AccountState, DEFAULT_LIMITS, type Desired, readDesired, rightsOf } from './state.js'

const fileOf = (more: object): string => JSON.stringify({ account: 'POC-DO', users: [], ...more })

const read = (more: object): Desired => {
  const desired = readDesired(fileOf(more))
  if (E.isLeft(desired)) throw new Error(desired.left)
  return desired.right
}

/** The state in which an account is after everything that is desired was carried out. */
const stateOf = ({ limits, deployment, users }: Desired): AccountState => ({
  limits,
  users,
  rights: new Map(users.map(({ kind }) => [kind, rightsOf(kind, deployment)])),
  others: ['by-hand'],
})

const shop = { kind: 'publisher', name: 'shop', customers: ['4711'] }

describe('the file', () => {
  it('has limits and names where it states none', () => {
    expect(read({ users: [{ kind: 'commands' }], limits: { connections: 9 } })).toEqual({
      account: 'POC-DO',
      limits: { ...DEFAULT_LIMITS, connections: 9 },
      deployment: { reply_prefixes: [], has_imports: false },
      users: [{ kind: 'commands', name: 'commands', customers: [] }],
    })
  })

  it.each([
    [{ account: 'a b' }, 'account: must be 1 to 64 letters'],
    [{ limit: {} }, 'limit: is no field'],
    [{ limits: { connections: -2 } }, 'limits.connections: must be a whole number'],
    [{ limits: { disk_bytes: 0 } }, 'limits.disk_bytes: a ledger keeps its streams on disk'],
    [{ rights: { reply_prefixes: ['customer'] } }, 'rights.reply_prefixes'],
    [{ users: [{ kind: 'admin' }] }, 'kind: must be one of commands'],
    [{ users: [{ kind: 'commands' }, { kind: 'commands' }] }, 'user commands: is there twice'],
    // its inbox would be that of the role
    [
      { users: [{ kind: 'reader', name: 'commands' }] },
      'user commands: commands is the name of another kind',
    ],
    [
      { users: [{ kind: 'commands', name: 'c2' }] },
      'user c2: the user of the kind commands has the name commands',
    ],
    [{ users: [{ kind: 'publisher', name: 'shop' }] }, 'user shop: a publisher needs customers'],
    [{ users: [{ kind: 'reader', customers: ['4711'] }] }, 'user reader: only a publisher has customers'],
    [{ users: [{ ...shop, customers: ['4711.>'] }] }, 'customers'],
  ])('%j is refused: %s', (more, problem) => {
    const desired = readDesired(fileOf(more))
    expect(E.isLeft(desired) ? desired.left : 'accepted').toContain(problem)
  })
})

describe('the changes', () => {
  it('of an account that is as it should be are none, and users of others are left alone', () => {
    const desired = read({ users: [{ kind: 'commands' }, shop] })
    expect(changesOf(desired, stateOf(desired))).toEqual([])
  })

  it('of a new account make it, then rights, then users', () => {
    const lines = describeChanges(
      'POC-DO',
      changesOf(read({ users: [{ kind: 'gateway' }, shop] }), undefined),
    )
    expect(lines.filter(line => !line.startsWith(' ')).map(line => line.replace(/:.*/, ''))).toEqual([
      '+ account POC-DO',
      '+ rights of gateway',
      '+ rights of publisher',
      '+ user gateway',
      '+ user shop (publisher of 4711)',
    ])
  })

  it('name each limit and subject, and revoke a user before one of its name is made', () => {
    const before = read({ users: [{ kind: 'commands' }, { kind: 'reader', name: 'app' }, shop] })
    const after = read({
      limits: { consumers: -1 },
      rights: { reply_prefixes: ['_INBOX_acme'] },
      users: [{ kind: 'commands' }, { ...shop, customers: ['4712', '4711'] }],
    })
    expect(describeChanges('POC-DO', changesOf(after, stateOf(before)))).toEqual([
      '~ limits of POC-DO',
      '    ~ consumers 128 -> no limit',
      '~ rights of commands',
      '    + publish _INBOX_acme.>',
      '- user app (reader): its credentials count no more',
      '- user shop (publisher of 4711): its credentials count no more',
      '+ user shop (publisher of 4712, 4711)',
    ])
    expect(describeChanges('POC-DO', changesOf(before, stateOf(after)))).toContain(
      '    - publish _INBOX_acme.>',
    )
  })
})
