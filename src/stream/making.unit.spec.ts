import { expect, it } from 'vitest'
import { createMakings } from './making.js'

it('a reader is told one time while the group is the same, and that of the server where there is no group', () => {
  const oneTimeOf = createMakings()
  const told = [['1', 'a'], ['2', 'a'], ['3', 'b'], ['1', 'b'], ['4'], ['5'], ['6', 'a']] as const
  const times = told.map(([created, raft_group]) => oneTimeOf({ created, raft_group }))
  expect(times).toEqual(['1', '1', '3', '3', '4', '5', '6'])
})
