import assert from 'node:assert/strict'
import { access, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { int32, string, writeDatabaseHeader, writeHeader } from '../../../../fixtures/rpm/header.ts'
import { buildPackage } from '../../../../fixtures/rpm/package.ts'
import { samplePackages } from '../../../../fixtures/rpm/sample.ts'
import { formatEvr } from '../../../../shared/packages/evr.ts'
import { TAG } from '../../../../shared/rpm/tags.ts'
import { recordedLog } from '../../../../shared/testing/recorded-log.ts'
import type { CollectorResult } from '../collector.ts'
import { createRpmCollector } from './collect.ts'

/** Returns the records of rpm for the sample packages, and for a key that was imported. */
function headers(): Buffer[] {
  const installed = samplePackages.map((spec) => {
    const { bytes, headerRange } = buildPackage(spec)
    return writeDatabaseHeader(
      bytes.subarray(headerRange.start, headerRange.end),
      new Map([[TAG.installTime, int32(1_700_000_000)]]),
    )
  })
  const key = writeHeader(
    TAG.region,
    new Map([
      [TAG.name, string('gpg-pubkey')],
      [TAG.version, string('fd431d51')],
      [TAG.release, string('4ae0493b')],
    ]),
  )
  return [...installed, key.subarray(8)]
}

const EXPECTED = [
  ...samplePackages.map(
    (spec) => `${spec.name}.${spec.arch ?? 'noarch'} ${formatEvr({ epoch: 0, ...spec })}`,
  ),
  'gpg-pubkey. fd431d51-4ae0493b',
].sort()

function writeDatabase(path: string, blobs: readonly (Buffer | string | null)[]): void {
  const database = new Database(path)
  database.exec(
    'create table Packages (hnum integer primary key autoincrement, blob blob not null)',
  )
  for (const blob of blobs)
    database.prepare('insert into Packages (blob) values (?)').run(blob ?? Buffer.alloc(0))
  database.close()
}

function reasonOf(result: CollectorResult): string {
  return result.state === 'unreadable' || result.state === 'busy' ? result.reason : result.state
}

interface Host {
  /** Creates the folder of a path below the host's root, and returns the whole path. */
  file(path: string): Promise<string>
  /** Replaces rpm by a program that prints `stdout` and records its arguments. */
  fakeRpm(script: string): Promise<void>
  read(): Promise<string[] | undefined>
  result(): Promise<CollectorResult>
  log: ReturnType<typeof recordedLog>
}

async function onHost(work: (host: Host) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'muster-rpm-'))
  const program = join(root, 'rpm')
  const log = recordedLog()
  const file = async (path: string): Promise<string> => {
    await mkdir(dirname(join(root, path)), { recursive: true })
    return join(root, path)
  }
  const collect = (): Promise<CollectorResult> =>
    createRpmCollector({ log }, { rpm: program, scratch: root }).read({ root })
  try {
    await work({
      log,
      file,
      fakeRpm: async (script) => {
        await writeFile(program, `#!/bin/sh\n${script}\n`)
        await chmod(program, 0o755)
      },
      result: collect,
      read: async () => {
        const result = await collect()
        if (result.state === 'absent') return undefined
        if (result.state !== 'read') throw Object.assign(new Error(reasonOf(result)), result)
        return result.packages.map((pkg) => `${pkg.name}.${pkg.arch} ${formatEvr(pkg)}`).sort()
      },
    })
  } finally {
    await rm(root, { recursive: true })
  }
}

const DATABASE = 'var/lib/rpm/rpmdb.sqlite'

test('rpm facts: reads a SQLite database directly in each folder', async () => {
  for (const path of [
    DATABASE,
    'usr/lib/sysimage/rpm/rpmdb.sqlite',
    'usr/share/rpm/rpmdb.sqlite',
  ]) {
    await onHost(async ({ file, read, log }) => {
      writeDatabase(await file(path), headers())
      assert.deepEqual(await read(), EXPECTED)
      assert.deepEqual(log.lines, [])
    })
  }
})

test('rpm facts: without a database, there are no rpm packages and rpm is not started', () =>
  onHost(async ({ file, read, fakeRpm }) => {
    await fakeRpm('echo asked >&2; exit 1')
    assert.equal(await read(), undefined)
    await file('var/lib/rpm/nothing')
    assert.equal(await read(), undefined)
  }))

test('rpm facts: reads other databases with rpm and a clean environment', () =>
  onHost(async ({ file, read, fakeRpm }) => {
    const path = await file('var/lib/rpm/Packages')
    await writeFile(path, 'Berkeley DB')
    const note = await file('note')
    await fakeRpm(
      `printf '%s|' "$1" "$2" "$3" "$4" >${note}; env | sort >>${note}; ` +
        `printf 'bash\\0370\\0375.1\\0371.el8\\037x86_64\\036` +
        `kernel\\0371\\0374.18\\0372\\037\\036'`,
    )
    assert.deepEqual(await read(), ['bash.x86_64 5.1-1.el8', 'kernel. 1:4.18-2'])
    const said = await readFile(note, 'utf8')
    assert.match(said, /^--dbpath\|.*rpm-copy-\w+\|-qa\|--qf\|/)
    assert.ok(!said.includes(dirname(path)))
    assert.match(said, /^LC_ALL=C$/m)
    assert.doesNotMatch(said, /NODE|MUSTER/)
  }))

test('rpm facts: a damaged database is unreadable as a whole', async () => {
  const broken: Record<string, (path: string) => void | Promise<void>> = {
    'another file': (path) => writeFile(path, 'x'.repeat(10_000)),
    'another schema': (path) =>
      new Database(path).exec('create table Other (x)').close() && undefined,
  }
  for (const [what, make] of Object.entries(broken)) {
    await onHost(async ({ file, read, fakeRpm, log }) => {
      await make(await file(DATABASE))
      await assert.rejects(read(), { state: 'unreadable' }, what)
      await fakeRpm(`printf 'bash\\0370\\0375.1\\0371\\037noarch\\036'`)
      assert.deepEqual(await read(), ['bash.noarch 5.1-1'], what)
      assert.equal(log.lines[0]?.level, 'warn')
    })
  }
})

test('rpm facts: takes the list from rpm if only rpm can read a record', () =>
  onHost(async ({ file, read, fakeRpm, log }) => {
    const [good, other] = headers() as [Buffer, Buffer]
    writeDatabase(await file(DATABASE), [good, other.subarray(0, 100)])
    // Without rpm, the other packages are listed.
    assert.equal((await read())?.length, 1)
    await fakeRpm(`printf 'a\\0370\\0371\\0371\\037x\\036b\\0370\\0371\\0371\\037x\\036'`)
    assert.deepEqual(await read(), ['a.x 1-1', 'b.x 1-1'])
    assert.equal(log.lines[0]?.level, 'warn')
  }))

test('rpm facts: malformed headers are reported beside the others', async () => {
  const good = headers()
  const unnamed = writeHeader(TAG.region, new Map([[TAG.version, string('1')]])).subarray(8)
  for (const bad of [(good[0] as Buffer).subarray(0, 100), 'harbor', unnamed, Buffer.alloc(0)])
    await onHost(async ({ file, result }) => {
      writeDatabase(await file(DATABASE), [...good, bad])
      const seen = await result()
      assert.ok(seen.state === 'read', JSON.stringify(seen))
      assert.equal(seen.packages.length, good.length)
      assert.match(seen.odd.join(), new RegExp(`^record ${good.length + 1} can't be read: `))
      assert.deepEqual(seen.doubts[0]?.names, undefined)
    })
})

test('rpm facts: an invalid value in an unused field does not remove the package', () =>
  onHost(async ({ file, read }) => {
    const [spec] = samplePackages
    const { bytes, headerRange } = buildPackage(spec as (typeof samplePackages)[number])
    const header = writeDatabaseHeader(
      bytes.subarray(headerRange.start, headerRange.end),
      new Map([[TAG.installTime, string('yesterday')]]),
    )
    writeDatabase(await file(DATABASE), [header])
    assert.equal((await read())?.length, 1)
  }))

test('FG-16: rejects output of rpm in another form and does not execute it', () =>
  onHost(async ({ file, read, fakeRpm }) => {
    await writeFile(await file('var/lib/rpm/Packages.db'), 'ndb')
    const marker = await file('marker')
    for (const answer of [
      `name\\037$(touch ${marker})\\0371\\0371\\037x\\036`,
      'a\\0370\\0371\\0371\\036',
      'a\\0370\\0371\\0371\\037x\\037y\\036',
      'a\\0370\\0371\\0371\\037x',
      '\\0370\\0371\\0371\\037x\\036',
    ]) {
      await fakeRpm(`printf '${answer.replaceAll('$', '\\$')}'`)
      await assert.rejects(read(), { state: 'unreadable' }, answer)
    }
    await fakeRpm(`printf 'a;touch ${marker};\\0370\\0371\\n2\\0371\\037\\036'`)
    assert.deepEqual(await read(), [`a;touch ${marker};. 1\n2-1`])
    await assert.rejects(access(marker), { code: 'ENOENT' })
  }))

test('rpm facts: reports why rpm failed, printed too much or is absent', () =>
  onHost(async ({ file, read, fakeRpm }) => {
    await writeFile(await file('var/lib/rpm/Packages.db'), 'ndb')
    await assert.rejects(read(), {
      state: 'unreadable',
      message: /there is no rpm on this host$/,
    })
    await fakeRpm('echo "cannot open Packages" >&2; echo more >&2; exit 3')
    await assert.rejects(read(), {
      state: 'unreadable',
      message: /exit code 3 cannot open Packages$/,
    })
    await fakeRpm('exec head -c 10000000 /dev/zero')
    await assert.rejects(read(), { state: 'unreadable', message: /more than 8388608 bytes/ })
  }))
