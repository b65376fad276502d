import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FLEET_TIME } from '../../fixtures/audit/fleet.ts'
import type { Checkpoint } from './checkpoint.ts'
import { auditError } from './errors.ts'
import { createFollower, type FollowerStore } from './follower.ts'
import { type NodeReader, proveConsistency } from './proof.ts'
import { joinSubtrees, leafHash, perfectRoot, subtrees } from './tree.ts'

const leaves = Array.from({ length: 64 }, (_, i) => leafHash(Buffer.of(i)))
const node = (level: number, index: number): Uint8Array =>
  perfectRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))
const read: NodeReader = async (nodes) => nodes.map(({ level, index }) => node(level, index))
const checkpoint = (size: number, at = FLEET_TIME): Checkpoint => ({
  size,
  root: joinSubtrees(subtrees(0, size).map(({ level, index }) => node(level, index))),
  at,
  note: `note of ${size}`,
})

function memory(): FollowerStore & { saved: number[] } {
  let current: Checkpoint | undefined
  const saved: number[] = []
  return {
    saved,
    load: async () => current,
    save: async (next) => {
      // Saving takes time, and another call may arrive meanwhile.
      await new Promise((resolve) => setImmediate(resolve))
      current = next
      saved.push(next.size)
    },
  }
}

describe('following a log', () => {
  it('AL-06: checks and stores atomically, so the accepted size never falls', async () => {
    const store = memory()
    const follower = createFollower(store)
    await follower.accept(checkpoint(4))
    const [to8, to16] = await Promise.all([
      proveConsistency(4, 8, read),
      proveConsistency(4, 16, read),
    ])
    const results = await Promise.allSettled([
      follower.accept(checkpoint(16), to16),
      follower.accept(checkpoint(8), to8),
    ])
    assert.deepEqual(
      results.map((result) => result.status),
      ['fulfilled', 'rejected'],
    )
    assert.ok(auditError.is((results[1] as PromiseRejectedResult).reason, 'audit.smaller'))
    assert.deepEqual(store.saved, [4, 16])
    // If 8 is accepted before 16, the second proof starts at the wrong size. The caller must
    // request a new proof.
    const again = createFollower(memory())
    await again.accept(checkpoint(4))
    const other = await Promise.allSettled([
      again.accept(checkpoint(8), to8),
      again.accept(checkpoint(16), to16),
    ])
    assert.deepEqual(
      other.map((result) => result.status),
      ['fulfilled', 'rejected'],
    )
    assert.equal((await again.known())?.size, 8)
  })

  it('AL-07: rejects a smaller log, another log of equal size, and a bad proof', async () => {
    const follower = createFollower(memory())
    await follower.accept(checkpoint(8))
    const is = (code: Parameters<typeof auditError.is>[1]) => (error: unknown) =>
      auditError.is(error, code)
    await assert.rejects(follower.accept(checkpoint(7)), is('audit.smaller'))
    await assert.rejects(
      follower.accept({ ...checkpoint(8), root: Buffer.alloc(32) }),
      is('audit.equivocation'),
    )
    await assert.rejects(follower.accept(checkpoint(12)), is('audit.proof'))
    await assert.rejects(
      follower.accept(checkpoint(12), await proveConsistency(7, 12, read)),
      is('audit.proof'),
    )
    await assert.rejects(
      follower.accept(
        { ...checkpoint(12), root: checkpoint(13).root },
        await proveConsistency(8, 12, read),
      ),
      is('audit.proof'),
    )
    assert.equal((await follower.known())?.size, 8)
    await follower.accept(checkpoint(12), await proveConsistency(8, 12, read))
    await follower.accept(checkpoint(12, FLEET_TIME + 1))
    assert.equal((await follower.known())?.at, FLEET_TIME + 1)
  })

  it('rejects a checkpoint that could not be stored', async () => {
    const store = memory()
    const follower = createFollower({
      load: store.load,
      save: () => Promise.reject(new Error('disk full')),
    })
    await assert.rejects(follower.accept(checkpoint(4)), /disk full/)
    assert.equal(await follower.known(), undefined)
  })
})
