/**
 * The contract of every format of repositories. `describeFormat` tests it with the real engine.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createHttpServer } from '../../../http/server.ts'
import { systemClock } from '../../../../shared/clock.ts'
import { readManifest } from '../../content/manifest.ts'
import { createLookup } from '../../publish/lookup.ts'
import { diffVersions } from '../../snapshots/diff.ts'
import { createSnapshots } from '../../snapshots/snapshots.ts'
import { complete, failed, silentLog, type TestMirror, testMirror } from '../../sync/testing.ts'
import { configHash } from '../../versions/config-hash.ts'
import { filesOf } from '../../versions/versions.ts'
import { type Formats, formatsOf, type RepositoryFormat } from '../format.ts'

export interface TestPackage {
  readonly name: string
  readonly version: string
}

export interface FormatSubject {
  readonly format: RepositoryFormat
  /** Path of the root of its index. */
  readonly index: string
  /** A path of a published tree that caches may keep for ever. They may not keep `mutable`. */
  readonly immutable: string
  readonly mutable: string
  /**
   * Writes an upstream with these packages into a folder. Files of an earlier index may stay.
   * Returns the path of each package.
   */
  write(
    folder: string,
    packages: readonly TestPackage[],
    options: { readonly revision: number; readonly advisories?: readonly string[] },
  ): Promise<readonly string[]>
}

const pkg = (name: string, version: string): TestPackage => ({ name, version })
const FIRST = [pkg('a', '1'), pkg('b', '1'), pkg('c', '1')]
const SECOND = [pkg('a', '2'), pkg('c', '1'), pkg('d', '1')]

export function describeFormat(name: string, subject: FormatSubject): void {
  const { format, index } = subject
  const formats = formatsOf([format])
  const open = (): Promise<TestMirror> => testMirror({ formats, type: format.type })

  describe(`format ${name}`, () => {
    it(`syncs byte for byte, and the next sync costs one request (${name})`, async () => {
      await using mirror = await open()
      const paths = await subject.write(mirror.upstream, FIRST, { revision: 1 })
      const first = complete(await mirror.sync())
      assert.deepEqual([first.fetched, first.upToDate], [3, false])
      const manifest = await readManifest(mirror.database.query, first.version as number)
      for (const { path, blob } of manifest)
        assert.deepEqual(
          await readFile(mirror.pool.path(blob)),
          await readFile(join(mirror.upstream, path)),
          path,
        )
      assert.deepEqual(pathsOf(manifest, 'package'), [...paths].sort())
      assert.deepEqual(pathsOf(manifest, 'index'), [index])
      mirror.asked()
      const second = complete(await mirror.sync())
      assert.deepEqual([second.version, second.upToDate], [first.version, true])
      assert.deepEqual(mirror.asked(), [index])
      const signal = new AbortController().signal
      assert.deepEqual(await mirror.mirror.check(mirror.config(), signal), { changed: false })
    })

    it(`two snapshots differ by packages and advisories (${name})`, async () => {
      await using mirror = await open()
      const { database, pool } = mirror
      const snapshots = createSnapshots({ database })
      await subject.write(mirror.upstream, FIRST, { revision: 1, advisories: ['A-1'] })
      complete(await mirror.sync())
      const from = await snapshots.create({ repository: 'repo', name: 'from' })
      await subject.write(mirror.upstream, SECOND, { revision: 2, advisories: ['A-1', 'A-2'] })
      complete(await mirror.sync())
      const to = await snapshots.create({ repository: 'repo', name: 'to' })
      const deps = { query: database.query, pool, format }
      const { added, removed, updated, advisories } = await diffVersions(
        deps,
        from.version,
        to.version,
      )
      const listed = await listedOf(mirror, format, to.version)
      const written = (name: string) => {
        const found = listed.find((each) => each.name === name)
        assert.ok(found !== undefined)
        return format.manager.formatPackage(found)
      }
      assert.deepEqual(added, [written('d')])
      assert.equal(removed.length, 1)
      assert.deepEqual(
        updated.map((each) => each.name),
        ['a'],
      )
      assert.notEqual(updated[0]?.from, updated[0]?.to)
      assert.deepEqual(advisories, ['A-2'])
    })

    it(`newest-only keeps and lists the newest of each package (${name})`, async () => {
      await using mirror = await open()
      const versions = [pkg('a', '9'), pkg('a', '10'), pkg('b', '1')]
      await subject.write(mirror.upstream, versions, { revision: 1 })
      const config = mirror.config({ retention: { policy: 'newest-only' } })
      const { version, fetched } = complete(await mirror.sync({}, config))
      assert.equal(fetched, 2)
      const listed = await listedOf(mirror, format, version as number)
      assert.deepEqual(listed.map(shown).sort(), ['a 10', 'b 1'])
      const manifest = await readManifest(mirror.database.query, version as number)
      assert.deepEqual(pathsOf(manifest, 'package'), listed.map((each) => each.href).sort())
    })

    it(`keep-all keeps packages that the upstream drops, in every version (${name})`, async () => {
      await using mirror = await open()
      const config = mirror.config({ retention: { policy: 'keep-all' } })
      const all = [FIRST, SECOND, [pkg('e', '1')]]
      for (const [at, packages] of all.entries()) {
        await subject.write(mirror.upstream, packages, { revision: at + 1 })
        complete(await mirror.sync({ acceptShrink: true }, config))
      }
      const [row] = await mirror.database.query
        .selectFrom('repository_version')
        .select((eb) => eb.fn.max('id').as('id'))
        .execute()
      const listed = await listedOf(mirror, format, Number(row?.id))
      const expected = [...new Set(all.flat().map(shown))].sort()
      assert.deepEqual(listed.map(shown).sort(), expected)
    })

    it(`serves a published version with the right cache headers (${name})`, async () => {
      await using mirror = await open()
      const { database } = mirror
      const paths = await subject.write(mirror.upstream, FIRST, { revision: 1 })
      const { version } = complete(await mirror.sync())
      await publish(mirror, version as number)
      await using served = await serve(mirror, formats)
      const lookup = createLookup({ database, clock: systemClock })
      for (const path of [index, ...paths]) {
        const answer = await fetch(`${served.url}/repos/repo/latest/${path}`)
        assert.equal(answer.status, 200, path)
        const bytes = Buffer.from(await answer.arrayBuffer())
        assert.deepEqual(bytes, await readFile(join(mirror.upstream, path)))
        const forEver = /immutable/.test(answer.headers.get('cache-control') ?? '')
        assert.equal(forEver, format.immutable(path), path)
        assert.equal((await lookup.lookup('repo', 'latest', path))?.size, bytes.length)
      }
      assert.deepEqual(
        [format.immutable(subject.immutable), format.immutable(subject.mutable)],
        [true, false],
      )
    })

    it(`rejects a package that differs from the index (${name})`, async () => {
      await using mirror = await open()
      const [damaged = ''] = await subject.write(mirror.upstream, FIRST, { revision: 1 })
      const path = join(mirror.upstream, damaged)
      const bytes = await readFile(path)
      bytes[0] = (bytes[0] as number) ^ 1
      await writeFile(path, bytes)
      const result = await mirror.sync()
      assert.equal(result.result, 'incomplete')
      assert.deepEqual(
        result.failures.map(({ file, code }) => [file, code]),
        [[damaged, 'mirror.digest']],
      )
    })

    it(`rejects an index that is older, absent or invalid (${name})`, async () => {
      await using mirror = await open()
      assert.equal(failed(await mirror.sync()).code, 'mirror.missing')
      await subject.write(mirror.upstream, FIRST, { revision: 2 })
      complete(await mirror.sync())
      await subject.write(mirror.upstream, SECOND, { revision: 1 })
      assert.equal(failed(await mirror.sync()).code, 'mirror.rollback')
      await writeFile(join(mirror.upstream, index), '<html></html>')
      assert.equal(failed(await mirror.sync()).code, 'mirror.metadata')
    })

    it(`an aborted sync ends with the reason (${name})`, async () => {
      await using mirror = await open()
      await subject.write(mirror.upstream, FIRST, { revision: 1 })
      const stop = new AbortController()
      const reason = new Error('enough')
      mirror.fault = ({ url }) => {
        if (url !== `/${index}`) return false
        stop.abort(reason)
        return false
      }
      await assert.rejects(mirror.sync({ signal: stop.signal }), reason)
    })

    it(`files of a version that the pool lost are fetched again (${name})`, async () => {
      await using mirror = await open()
      await subject.write(mirror.upstream, FIRST, { revision: 1 })
      const { version } = complete(await mirror.sync())
      const manifest = await readManifest(mirror.database.query, version as number)
      for (const { blob } of manifest) await mirror.pool.remove(blob)
      const again = complete(await mirror.sync())
      assert.equal(again.fetched, 3)
      for (const { blob } of manifest) assert.equal(await mirror.pool.verify(blob), 'sound')
    })

    it(`the address and the retention decide the contents of a version (${name})`, async () => {
      await using mirror = await open()
      const hash = (overrides: Record<string, unknown>): string =>
        configHash(format, mirror.config(overrides))
      assert.equal(hash({}), hash({ enabled: false }))
      assert.notEqual(hash({}), hash({ upstream: { url: 'http://other.invalid/' } }))
      assert.notEqual(hash({}), hash({ retention: { policy: 'keep-all' } }))
    })
  })
}

function shown({ name, version }: TestPackage): string {
  return `${name} ${version}`
}

function pathsOf(files: readonly { path: string; kind: string }[], kind: string): string[] {
  return files.flatMap((file) => (file.kind === kind ? [file.path] : [])).sort()
}

/** Reads the package list in the index of a version from the pool. */
async function listedOf(mirror: TestMirror, format: RepositoryFormat, version: number) {
  const listing = format.listing(await filesOf(mirror.database.query, version))
  assert.ok(listing !== undefined)
  const signal = new AbortController().signal
  return Array.fromAsync(format.packages(mirror, listing, signal))
}

async function publish(mirror: TestMirror, version: number): Promise<void> {
  const signal = new AbortController().signal
  const path = mirror.config().publish.latest_path
  await mirror.publisher.publish({ repository: 'repo', target: 'latest', path, version, signal })
}

async function serve(mirror: TestMirror, formats: Formats) {
  const server = await createHttpServer(
    { clock: systemClock, log: silentLog, formats },
    { listen: '127.0.0.1:0', repositories: () => [mirror.config()] },
  )
  return { url: server.url, [Symbol.asyncDispose]: () => server.close() }
}
