/**
 * Steps that fail while the coordinator's disk is full are repeated when the disk has space again.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { MusterNode } from '../../node/node.ts'
import { systemClock } from '../../shared/clock.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { databaseError } from '../database/errors.ts'
import type { Ingest } from '../inventory/ingest.ts'
import type { AgentRecord, Agents } from '../registry/agents.ts'
import { watchPresence } from './presence.ts'

const HOST = {
  id: 'h',
  peerId: 'peer',
  name: 'web-1',
  status: 'approved',
} as unknown as AgentRecord

/** Creates a connected host. The coordinator's database is full at first. */
function scene() {
  const disk = { isFull: true }
  const steps: string[] = []
  const step = (name: string) => async (): Promise<void> => {
    if (disk.isFull) throw databaseError('database.full', { database: 'muster.db' })
    steps.push(name)
  }
  const listeners = new Map<string, (peer: string) => void>()
  const peer = { id: 'peer', address: '', member: { role: 'agent' } }
  const node = {
    on: (event: string, listener: (peer: string) => void) => {
      listeners.set(event, listener)
      return () => listeners.delete(event)
    },
    peer: () => peer,
    peers: () => [peer],
  } as unknown as MusterNode
  let tick = (): void => undefined
  const clock = {
    ...systemClock,
    every: (_ms: number, run: () => void) => {
      tick = run
      return () => undefined
    },
  }
  const agents = { byPeer: async () => HOST, recordContact: step('seen') } as unknown as Agents
  const ingest = { pull: step('pull') } as unknown as Ingest
  const log = recordedLog()
  const deps = { node, agents, ingest, clock, log, witness: step('witness') }
  const off = watchPresence({ ...deps, settle: step('settle') }, new AbortController().signal)
  return {
    disk,
    steps,
    log,
    off,
    tick: () => tick(),
    connect: () => listeners.get('connect')?.('peer'),
  }
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await systemClock.sleep(1)
}

test('presence: steps that failed because of a full disk are repeated', async () => {
  const { disk, steps, log, off, tick, connect } = scene()
  connect()
  // The log has one line for the connection and one for each failed step.
  await until(() => log.lines.length === 5)
  tick()
  await until(() => log.lines.length === 9)
  assert.deepEqual(steps, [])
  disk.isFull = false
  tick()
  await until(() => steps.length === 4)
  assert.deepEqual(steps, ['seen', 'witness', 'settle', 'pull'])
  // From now on, only the contact is recorded.
  tick()
  await until(() => steps.length === 5)
  assert.equal(steps[4], 'seen')
  off()
})
