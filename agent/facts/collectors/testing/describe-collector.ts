/** The contract suite of all collectors. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { formatEvr } from '../../../../shared/packages/evr.ts'
import type { Collector, CollectorResult } from '../collector.ts'

const run = promisify(execFile)

/** One package of a test's database. */
export interface Installed {
  readonly name: string
  readonly version: string
}

export interface CollectorCase {
  /** @param scratch a folder for private copies, outside of the host's root */
  readonly make: (scratch: string) => Collector
  /** Writes a database with these packages below the root. It replaces an earlier one. */
  readonly write: (root: string, packages: readonly Installed[]) => Promise<void>
  /** The file of that database, below the root. */
  readonly file: string
  /** Damages the whole database. */
  readonly damage: (root: string) => Promise<void>
  /** Damages the record of one package. */
  readonly spoil: (root: string, name: string) => Promise<void>
}

interface Host {
  readonly root: string
  /** Reads the packages, and checks that nothing below the root changed. */
  read(): Promise<CollectorResult>
  readonly collector: Collector
}

async function hostOf(t: TestContext, made: Pick<CollectorCase, 'make'>): Promise<Host> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-collector-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const [root, scratch] = [join(folder, 'root'), join(folder, 'scratch')]
  await mkdir(root)
  await mkdir(scratch)
  const collector = made.make(scratch)
  return {
    root,
    collector,
    async read() {
      const before = await everything(root)
      const result = await collector.read({ root })
      assert.deepEqual(await everything(root), before)
      assert.deepEqual(await readdir(scratch), [])
      return result
    },
  }
}

/** Returns names, inodes, modes, times and bytes of everything below a folder. */
async function everything(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const { ino, mode, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    const bytes = entry.isFile() ? (await readFile(path)).toString('base64') : ''
    found[path] = `${ino} ${mode} ${mtimeNs} ${ctimeNs} ${bytes}`
  }
  return found
}

/** Returns texts such as `bash 5.1-1`, sorted. Fails if the database was not read. */
function listed(result: CollectorResult): string[] {
  assert.ok(result.state === 'read', JSON.stringify(result))
  return result.packages.map((pkg) => `${pkg.name} ${formatEvr(pkg)}`).sort()
}

const TWO: readonly Installed[] = [
  { name: 'bash', version: '5.1-1' },
  { name: 'zsh', version: '5-2' },
]

/** Tests a collector that reads a manager's database. */
export function describeCollector(name: string, made: CollectorCase): void {
  describe(`collector ${name}`, () => {
    it(`${name}: a host without it is absent, not empty`, async (t) => {
      const { read, root } = await hostOf(t, made)
      assert.deepEqual(await read(), { state: 'absent' })
      await mkdir(dirname(join(root, made.file)), { recursive: true })
      assert.deepEqual(await read(), { state: 'absent' })
    })

    it(`${name}: reads an empty database`, async (t) => {
      const { read, root } = await hostOf(t, made)
      await made.write(root, [])
      assert.deepEqual(await read(), { state: 'read', packages: [], odd: [], doubts: [] })
    })

    it(`${name}: lists packages under its manager`, async (t) => {
      const { read, root, collector } = await hostOf(t, made)
      await made.write(root, TWO)
      const result = await read()
      assert.deepEqual(listed(result), ['bash 5.1-1', 'zsh 5-2'])
      assert.ok(result.state === 'read')
      assert.deepEqual([...new Set(result.packages.map((pkg) => pkg.manager))], [collector.manager])
      assert.deepEqual([result.odd, result.doubts], [[], []])
    })

    it(`${name}: a damaged database is unreadable, with its path and a reason`, async (t) => {
      const { read, root } = await hostOf(t, made)
      await made.write(root, TWO)
      await made.damage(root)
      const result = await read()
      assert.ok(result.state === 'unreadable', JSON.stringify(result))
      assert.equal(result.path, join(root, made.file))
      assert.notEqual(result.reason, '')
    })

    it(`${name}: a pipe as its database is unreadable and does not block`, async (t) => {
      const { read, root } = await hostOf(t, made)
      await made.write(root, TWO)
      await rm(join(root, made.file))
      await run('mkfifo', [join(root, made.file)])
      assert.equal((await read()).state, 'unreadable')
    })

    it(`${name}: reports one odd record and lists the others`, async (t) => {
      const { read, root } = await hostOf(t, made)
      await made.write(root, [...TWO, { name: 'vendor', version: '7-1' }])
      await made.spoil(root, 'vendor')
      const result = await read()
      assert.deepEqual(listed(result), ['bash 5.1-1', 'zsh 5-2'])
      assert.ok(result.state === 'read')
      assert.match(result.odd.join('\n'), /^vendor /)
      const [doubt] = result.doubts
      assert.deepEqual([doubt?.isOdd, [...(doubt?.names ?? [])]], [true, ['vendor']])
    })

    it(`${name}: a database with only odd records is unreadable`, async (t) => {
      const { read, root } = await hostOf(t, made)
      await made.write(root, [{ name: 'vendor', version: '7-1' }])
      await made.spoil(root, 'vendor')
      assert.equal((await read()).state, 'unreadable')
    })

    it(`${name}: every change of its packages changes a watched file`, async (t) => {
      const { root, collector } = await hostOf(t, made)
      const watched = collector.databases(root)
      for (const { folder, files } of watched) {
        assert.ok(isAbsolute(folder) && !relative(root, folder).startsWith('..'), folder)
        for (const file of files) assert.equal(dirname(join(folder, file)), folder)
      }
      const stamp = async (): Promise<string> => {
        const paths = watched.flatMap(({ folder, files }) =>
          files.map((file) => join(folder, file)),
        )
        const stamps = paths.map((path) =>
          stat(path, { bigint: true }).then(
            ({ ino, size, mtimeNs }) => `${ino} ${size} ${mtimeNs}`,
            () => '-',
          ),
        )
        return (await Promise.all(stamps)).join('\n')
      }
      const seen = [await stamp()]
      for (const packages of [[], TWO, TWO.slice(1)]) {
        await made.write(root, packages)
        seen.push(await stamp())
      }
      assert.equal(new Set(seen).size, 4, seen.join('\n\n'))
    })

    it(`${name}: ends with its signal`, async (t) => {
      const { root, collector } = await hostOf(t, made)
      await made.write(root, TWO)
      const reason = new Error('enough')
      await assert.rejects(collector.read({ root }, AbortSignal.abort(reason)), reason)
    })
  })
}

/** Tests a collector of an unsupported manager. */
export function describeUnsupported(collector: Collector, paths: readonly string[]): void {
  const name = collector.manager
  describe(`collector ${name}`, () => {
    it(`${name}: a host with it is unsupported, not empty or absent`, async (t) => {
      for (const path of paths) {
        const { read, root } = await hostOf(t, { make: () => collector })
        assert.deepEqual(await read(), { state: 'absent' })
        await mkdir(join(root, path), { recursive: true })
        assert.deepEqual(await read(), { state: 'unsupported', path: `/${path}` })
      }
    })

    it(`${name}: watches nothing`, () => {
      assert.deepEqual(collector.databases('/'), [])
    })
  })
}
