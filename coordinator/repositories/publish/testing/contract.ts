/**
 * The contract of every destination. `describeDestination` tests it. Each call of a method may
 * fail, and its change may be made nevertheless. Publishing again must correct both cases.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { writeRepository } from '../../../../fixtures/rpm/repository.ts'
import { systemClock } from '../../../../shared/clock.ts'
import type { BlobId } from '../../../../shared/ids.ts'
import { type ManifestFile, readManifest } from '../../content/manifest.ts'
import {
  complete,
  silentLog,
  type TestMirror,
  testMirror,
  testPackages,
} from '../../sync/testing.ts'
import type { Publication, PublishDestination } from '../destination.ts'
import { currentPublication } from '../publications.ts'
import { createPublisher } from '../publisher.ts'

export interface DestinationSubject {
  /** Opens a destination for the trees of this mirror, with its pool. */
  open(mirror: TestMirror): PublishDestination
  /** Reads the file that clients get at a path; undefined if there is none. */
  read(target: Publication, path: string): Promise<Buffer | undefined>
}

type Method = 'prepare' | 'current' | 'has' | 'problems' | 'build' | 'switch' | 'withdraw' | 'clean'
/** `lost`: the call fails without its change. `applied`: the change is made, and the call fails. */
type Fault = 'lost' | 'applied'

const signal = new AbortController().signal
const FAULT = new Error('a fault of the destination')

const targetOf = (mirror: TestMirror): Publication => ({
  repository: 'repo',
  target: 'latest',
  path: mirror.config().publish.latest_path,
})

/** Wraps the destination so that the next call of a method has the fault. */
function faulty(real: PublishDestination, method: Method, fault: Fault): PublishDestination {
  let armed = true
  const call = real[method] as (...args: unknown[]) => Promise<unknown>
  return {
    ...real,
    async [method](...args: unknown[]) {
      if (!armed) return call(...args)
      armed = false
      if (fault === 'applied') await call(...args)
      throw FAULT
    },
  }
}

/** Accepts a version with these packages. */
async function accept(mirror: TestMirror, revision: number): Promise<number> {
  const packages = testPackages(2, String(revision))
  await writeRepository(mirror.upstream, packages, { revision: 1_700_000_000 + revision })
  return complete(await mirror.sync()).version as number
}

function publisherOf(mirror: TestMirror, destination: PublishDestination) {
  const { database, pool } = mirror
  return createPublisher({ database, pool, destination, clock: systemClock, log: silentLog })
}

export function describeDestination(name: string, subject: DestinationSubject): void {
  const { read } = subject
  /** Fails unless clients get every file of the version, and the row names its location. */
  const requirePublished = async (mirror: TestMirror, version: number): Promise<void> => {
    const destination = subject.open(mirror)
    const target = targetOf(mirror)
    const current = await currentPublication(mirror.database.query, target)
    assert.equal(current?.version, version)
    assert.equal(await destination.current(target), current.location)
    const files = await readManifest(mirror.database.query, version)
    const tree = { location: current.location, files }
    assert.deepEqual(await destination.problems(target, tree, signal), [])
    for (const { path, size } of files) assert.equal((await read(target, path))?.length, size, path)
  }

  describe(`destination ${name}`, () => {
    it(`switches clients between complete generations, and withdraws them (${name})`, async () => {
      await using mirror = await testMirror()
      const [destination, target] = [subject.open(mirror), targetOf(mirror)]
      await destination.prepare(target)
      assert.equal(await destination.current(target), undefined)
      const files = await readManifest(mirror.database.query, await accept(mirror, 1))
      const locations: string[] = []
      for (const number of [1, 2]) {
        const generation = { number, root: String(number).repeat(64), carried: [], manifest: {} }
        const location = destination.locationOf(generation)
        locations.push(location)
        assert.equal(await destination.has(target, location), false)
        await destination.build(target, { ...generation, files }, signal)
        assert.equal(await destination.has(target, location), true)
        await destination.switch(target, location)
        await destination.switch(target, location)
        assert.equal(await destination.current(target), location)
        assert.deepEqual(await destination.problems(target, { location, files }, signal), [])
      }
      assert.equal(new Set(locations).size, 2)
      await destination.clean(target, locations[1] as string)
      assert.equal(await destination.has(target, locations[0] as string), true)
      await destination.withdraw(target)
      await destination.withdraw(target)
      assert.equal(await destination.current(target), undefined)
      for (const location of locations) assert.equal(await destination.has(target, location), false)
      assert.equal(await read(target, files[0]?.path as string), undefined)
    })

    it(`leaves nothing of a failed build, and builds it again (${name})`, async () => {
      await using mirror = await testMirror()
      const [destination, target] = [subject.open(mirror), targetOf(mirror)]
      const files = await readManifest(mirror.database.query, await accept(mirror, 1))
      const lost: ManifestFile = {
        path: 'lost',
        blob: '0'.repeat(64) as BlobId,
        size: 1,
        kind: 'package',
      }
      const generation = { number: 1, root: '1'.repeat(64), carried: [], manifest: {} }
      const location = destination.locationOf(generation)
      await destination.prepare(target)
      await assert.rejects(
        destination.build(target, { ...generation, files: [...files, lost] }, signal),
      )
      assert.equal(await destination.has(target, location), false)
      const stopped = AbortSignal.abort(FAULT)
      await assert.rejects(destination.build(target, { ...generation, files }, stopped), FAULT)
      assert.equal(await destination.has(target, location), false)
      await destination.build(target, { ...generation, files }, signal)
      // Builds the same generation again, as after a lost response.
      await destination.build(target, { ...generation, files }, signal)
      assert.deepEqual(await destination.problems(target, { location, files }, signal), [])
    })

    for (const fault of ['lost', 'applied'] as const)
      it(`a fault in any step of publishing leaves one version (${name}, ${fault})`, async () => {
        for (const method of ['prepare', 'current', 'build', 'switch', 'clean'] as const) {
          await using mirror = await testMirror()
          const first = await accept(mirror, 1)
          const request = { ...targetOf(mirror), signal }
          await publisherOf(mirror, subject.open(mirror)).publish({ ...request, version: first })
          const second = await accept(mirror, 2)
          const failing = publisherOf(mirror, faulty(subject.open(mirror), method, fault))
          const ended = await failing.publish({ ...request, version: second }).then(
            () => 'published',
            (error: unknown) => error,
          )
          // A failed clean-up doesn't fail the publication.
          assert.equal(ended, method === 'clean' ? 'published' : FAULT, method)
          const known = await currentPublication(mirror.database.query, request)
          const publisher = publisherOf(mirror, subject.open(mirror))
          await publisher.recover([targetOf(mirror)], signal)
          await requirePublished(mirror, known?.version as number)
          await publisher.publish({ ...request, version: second })
          await requirePublished(mirror, second)
        }
      })

    for (const fault of ['lost', 'applied'] as const)
      it(`withdrawing again after a fault leaves nothing (${name}, ${fault})`, async () => {
        await using mirror = await testMirror()
        const target = targetOf(mirror)
        const version = await accept(mirror, 1)
        await publisherOf(mirror, subject.open(mirror)).publish({ ...target, version, signal })
        const failing = publisherOf(mirror, faulty(subject.open(mirror), 'withdraw', fault))
        await assert.rejects(failing.withdraw(target), FAULT)
        await publisherOf(mirror, subject.open(mirror)).withdraw(target)
        assert.equal(await subject.open(mirror).current(target), undefined)
        assert.equal(await currentPublication(mirror.database.query, target), undefined)
      })
  })
}
