import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupMembers, type MembersOptions } from './group-containment.ts'
import type { ProcessStat } from './process-identity.ts'

const main = { bootId: 'b', pid: 10, startTime: '100' }
const stat = (pid: number, parent: number, session: number, startTime = '200'): ProcessStat => ({
  pid,
  state: 'S',
  parent,
  group: session,
  session,
  startTime,
  flags: 0,
  waitStatus: 0,
})
const leader = stat(10, 1, 10, '100')
const pids = (all: readonly ProcessStat[], options: Partial<MembersOptions> = {}): number[] =>
  groupMembers(all, { main, known: new Map(), marked: new Set(), parent: true, ...options })
    .map(({ pid }) => pid)
    .sort((a, b) => a - b)

test('a run in a process group includes its session and all descendants', () => {
  const all = [
    stat(1, 0, 1),
    leader,
    stat(11, 10, 10),
    stat(12, 11, 12),
    stat(13, 12, 13),
    stat(20, 1, 20),
  ]
  assert.deepEqual(pids(all), [10, 11, 12, 13])
})

test('a run in a process group keeps members that lost parent and session', () => {
  const all = [leader, stat(12, 1, 12, '201'), stat(14, 12, 14)]
  assert.deepEqual(pids(all), [10])
  assert.deepEqual(pids(all, { known: new Map([[12, '201']]) }), [10, 12, 14])
  assert.deepEqual(pids(all, { known: new Map([[12, '999']]) }), [10], 'the pid was used again')
  assert.deepEqual(pids(all, { marked: new Set([14]) }), [10, 14])
})

test('PC-03: a reused pid of the main process is not a member', () => {
  const all = [stat(10, 1, 10, '555'), stat(11, 10, 10)]
  assert.deepEqual(pids(all), [])
  assert.deepEqual(pids(all, { parent: false }), [])
})

test('an adopted group without its main process includes only proved members', () => {
  const all = [stat(11, 1, 10)]
  assert.deepEqual(pids(all), [11], 'we are the parent: the session is still ours')
  assert.deepEqual(pids(all, { parent: false }), [])
  assert.deepEqual(pids(all, { parent: false, marked: new Set([11]) }), [11])
})
