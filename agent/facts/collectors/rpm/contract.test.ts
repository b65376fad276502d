/** The contract of all collectors, for rpm. */
import { mkdir, rm, truncate } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { int32, string, writeDatabaseHeader, writeHeader } from '../../../../fixtures/rpm/header.ts'
import { buildPackage } from '../../../../fixtures/rpm/package.ts'
import { silentLogger as log } from '../../../../shared/logger.ts'
import { TAG } from '../../../../shared/rpm/tags.ts'
import { describeCollector, type Installed } from '../testing/describe-collector.ts'
import { createRpmCollector } from './collect.ts'

const FILE = 'var/lib/rpm/rpmdb.sqlite'

function headerOf({ name, version: evr }: Installed): Buffer {
  const [version = '', release = ''] = evr.split('-')
  const { bytes, headerRange } = buildPackage({ name, version, release })
  return writeDatabaseHeader(
    bytes.subarray(headerRange.start, headerRange.end),
    new Map([[TAG.installTime, int32(1_700_000_000)]]),
  )
}

function open(root: string): Database.Database {
  return new Database(join(root, FILE))
}

describeCollector('rpm', {
  make: (scratch) => createRpmCollector({ log }, { rpm: '/nonexistent/rpm', scratch }),
  file: FILE,
  async write(root, packages) {
    await mkdir(dirname(join(root, FILE)), { recursive: true })
    await rm(join(root, FILE), { force: true })
    const database = open(root)
    database.exec(
      `create table Packages (hnum integer primary key autoincrement, blob blob not null);
       create table Name (key text not null, hnum integer not null, idx integer not null)`,
    )
    for (const one of packages) {
      const insert = database.prepare('insert into Packages (blob) values (?)')
      const { lastInsertRowid } = insert.run(headerOf(one))
      database.prepare('insert into Name values (?, ?, 0)').run(one.name, lastInsertRowid)
    }
    database.close()
  },
  damage: (root) => truncate(join(root, FILE), 5000),
  async spoil(root, name) {
    const database = open(root)
    database
      .prepare('update Packages set blob = ? where hnum in (select hnum from Name where key = ?)')
      .run(writeHeader(TAG.region, new Map([[TAG.name, string(name)]])).subarray(8, 60), name)
    database.close()
  },
})
