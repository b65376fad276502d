/** A collection changes no byte, name or time in the folders of the databases. */
import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { collectAll } from './collect.ts'
import { createCollectors } from './all-collectors.ts'

/** Returns names, kinds, modes, times and bytes of everything below a folder. */
async function everything(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const { mode, mtimeNs, ctimeNs, ino } = await stat(path, { bigint: true })
    const bytes = entry.isFile() ? (await readFile(path)).toString('base64') : ''
    found[path] = `${ino} ${mode} ${mtimeNs} ${ctimeNs} ${bytes}`
  }
  return found
}

function sqlite(path: string, options: { wal?: 'left' | 'gone' } = {}): void {
  const database = new Database(path)
  if (options.wal !== undefined) database.pragma('journal_mode = WAL')
  database.exec(
    'create table Packages (hnum integer primary key autoincrement, blob blob not null)',
  )
  database.close()
  if (options.wal !== 'left') return
  // While a second reader is open, the writer doesn't merge the log when it closes.
  const reader = new Database(path, { readonly: true })
  const writer = new Database(path)
  reader.exec('begin; select * from Packages')
  writer.exec('insert into Packages (blob) values (zeroblob(10))')
  writer.close()
  reader.close()
}

/** An rpm that writes files beside the database, as rpm and its libraries do. */
const RPM = `#!/bin/sh
: > "$2/rpmdb.sqlite"; : > "$2/.rpm.lock"; : > "$2/__db.001"; echo changed >> "$2/Packages"
printf 'bash\\0370\\0375.1\\0371\\037x86_64\\036'
`

async function hostOf(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'muster-untouched-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const [root, scratch, rpm] = [join(folder, 'root'), join(folder, 'scratch'), join(folder, 'rpm')]
  const rpmFolder = join(root, 'var/lib/rpm')
  await mkdir(rpmFolder, { recursive: true })
  await mkdir(join(root, 'var/lib/dpkg/info'), { recursive: true })
  await mkdir(join(root, 'var/lib/dpkg/updates'))
  await mkdir(scratch)
  await writeFile(rpm, RPM)
  await chmod(rpm, 0o755)
  return { root, scratch, rpm, rpmFolder }
}

const CASES: Record<string, (folder: string, root: string) => void | Promise<void>> = {
  'an SQLite database': (folder) => sqlite(join(folder, 'rpmdb.sqlite')),
  'an SQLite database with a log': (folder) =>
    sqlite(join(folder, 'rpmdb.sqlite'), { wal: 'left' }),
  'an SQLite database whose log is folded in': (folder) =>
    sqlite(join(folder, 'rpmdb.sqlite'), { wal: 'gone' }),
  'a damaged SQLite database': (folder) =>
    writeFile(join(folder, 'rpmdb.sqlite'), 'SQLite format 3\0'.padEnd(8192, 'x')),
  'an empty SQLite file': (folder) => writeFile(join(folder, 'rpmdb.sqlite'), ''),
  'an ndb database': async (folder) => {
    await writeFile(join(folder, 'Packages.db'), 'RpmP'.padEnd(4096, '\0'))
    await writeFile(join(folder, 'Index.db'), 'RpmI')
  },
  'a Berkeley DB database': (folder) => writeFile(join(folder, 'Packages'), Buffer.alloc(8192)),
  'an empty folder': () => undefined,
  'no folder': (folder) => rm(folder, { recursive: true }),
  'a folder that may not be written': async (folder) => {
    sqlite(join(folder, 'rpmdb.sqlite'), { wal: 'gone' })
    await chmod(folder, 0o555)
  },
  'a database of dpkg': async (_folder, root) => {
    const paragraph = 'Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n'
    await writeFile(join(root, 'var/lib/dpkg/status'), paragraph)
    await writeFile(join(root, 'var/lib/dpkg/updates/0000'), paragraph.replace('1', '2'))
    await writeFile(join(root, 'var/lib/dpkg/info/a.list'), '')
  },
}

for (const [what, make] of Object.entries(CASES))
  test(`facts collect: ${what} is not changed by a collection`, async (t) => {
    const { root, scratch, rpm, rpmFolder } = await hostOf(t)
    await make(rpmFolder, root)
    const before = await everything(root)
    await collectAll(createCollectors({ log: recordedLog() }, { rpm, scratch }), { root })
    assert.deepEqual(await everything(root), before)
    assert.deepEqual(await readdir(scratch), [])
  })

test('facts collect: an rpm without support for the database lists no packages', async (t) => {
  const { root, scratch, rpm, rpmFolder } = await hostOf(t)
  await writeFile(join(rpmFolder, 'Packages.db'), 'RpmP'.padEnd(4096, '\0'))
  await writeFile(rpm, '#!/bin/sh\n: > "$2/rpmdb.sqlite"\n')
  const resultOf = async () => {
    const { found } = await collectAll(createCollectors({ log: recordedLog() }, { rpm, scratch }), {
      root,
    })
    return found.find(({ manager }) => manager === 'rpm')?.result
  }
  const expected = {
    state: 'unreadable',
    path: join(rpmFolder, 'Packages.db'),
    reason: "this rpm doesn't read databases of this kind (Packages.db)",
  }
  assert.deepEqual(await resultOf(), expected)
  // The result is the same if this rpm created an empty database beside it earlier.
  sqlite(join(rpmFolder, 'rpmdb.sqlite'))
  assert.deepEqual(await resultOf(), expected)
})

test('facts collect: a record that rpm skips is odd, and the others are listed', async (t) => {
  const { root, scratch, rpm, rpmFolder } = await hostOf(t)
  await writeFile(join(rpmFolder, 'Packages'), Buffer.alloc(8192))
  const resultOf = async (...said: string[]) => {
    const words = said.map((line) => `echo '${line}' >&2\n`).join('')
    const list = `printf 'bash\\0370\\0375.1\\0371\\037x86_64\\036'\n`
    await writeFile(rpm, `#!/bin/sh\necho 'warning: no index' >&2\n${words}${list}`)
    const collectors = createCollectors({ log: recordedLog() }, { rpm, scratch })
    const { found } = await collectAll(collectors, { root })
    return found.find(({ manager }) => manager === 'rpm')?.result
  }
  for (const said of [
    'error: rpmdbNextIterator: skipping h#       7 blob size(2504): BAD',
    'error: rpmdb: damaged header #7 retrieved -- skipping.',
  ]) {
    const result = await resultOf(said)
    assert.ok(result?.state === 'read', JSON.stringify(result))
    assert.equal(result.packages.length, 1)
    assert.match(result.odd.join(), /^record 7 can't be read/)
    assert.deepEqual(result.doubts.length, 1)
  }
  // After any other error, the list may be incomplete.
  assert.deepEqual(await resultOf('error: rpmdb: BDB0113 Thread died in Berkeley DB library'), {
    state: 'unreadable',
    path: join(rpmFolder, 'Packages'),
    reason: 'error: rpmdb: BDB0113 Thread died in Berkeley DB library',
  })
})
