/** Only a few listed files of src connect to NATS, decode headers, or answer on reply subjects by themselves. */

import { describe, expect, it } from 'vitest'
import { isTestCode, type Rule, readTree, withoutComments } from './support/source-tree.js'

/** Patterns of NATS code that only the listed files of src may contain. */
const ONE_DOOR: readonly (readonly [RegExp, readonly string[], string])[] = [
  [
    /\bimport\s*\{[^}]*\bconnect\b[^}]*\}\s*from\s*'nats'/,
    // embedded/nats.ts only asks whether the servers run, and reads no message of a client; the checker of chaos runs
    // shares no code with the program that it judges
    ['src/connection.ts', 'src/embedded/nats.ts', 'src/chaos/checker/jetstream.ts'],
    'connects to NATS by itself: openConnection of src/connection.ts survives every message',
  ],
  [
    /\bMsgHdrsImpl\b/,
    ['src/headers.ts'],
    'makes or decodes headers by itself: src/headers.ts decodes those of every message',
  ],
  [
    /\.respond\s*\(|\bpublish\s*\(\s*(?:\w+\.)*reply\b/,
    ['src/service/replies.ts'],
    'answers to a reply subject: src/service/replies.ts decides which may be used',
  ],
  [
    /\b[Nn]uid\b/,
    [],
    'makes an id as the client makes its inboxes: who sees it can guess them; randomId of src/random-id.ts tells nothing',
  ],
]
const oneDoorToNats: Rule = ({ path, text }) => {
  if (!path.startsWith('src/') || isTestCode(path)) return []
  const code = withoutComments(text)
  return ONE_DOOR.filter(([pattern, allowed]) => pattern.test(code) && !allowed.includes(path)).map(
    ([, , what]) => `${path} ${what}`,
  )
}

it('connects to NATS, decodes headers, answers and makes ids in one place each', () => {
  expect(readTree().flatMap(oneDoorToNats)).toEqual([])
})

describe('the rule', () => {
  it.each([
    "import { type Msg, connect } from 'nats'",
    "import {\n  connect,\n} from 'nats'",
    'const headers = MsgHdrsImpl.decode(bytes)',
    'msg.respond(body)',
    'wire.publish(reply, body)',
    'nc.publish(msg.reply, body)',
    'const id = nuid.next()',
  ])('find a second door to NATS in: %s', text => {
    expect(oneDoorToNats({ path: 'src/stream/a.ts', text })).toHaveLength(1)
    expect(oneDoorToNats({ path: 'src/stream/a.int.spec.ts', text })).toEqual([])
  })

  it('find no second door where there is none', () => {
    const text =
      "import type { Msg } from 'nats'\n// msg.respond(body)\nnc.publish(subject, body, { reply })\n"
    expect(oneDoorToNats({ path: 'src/stream/a.ts', text })).toEqual([])
    expect(oneDoorToNats({ path: 'src/connection.ts', text: "import { connect } from 'nats'" })).toEqual([])
  })
})
