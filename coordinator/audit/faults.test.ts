import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { FLEET, intentStatement, issuer } from '../../fixtures/audit/fleet.ts'
import { systemClock } from '../../shared/clock.ts'
import type { MusterError } from '../../shared/errors.ts'
import { systemRandom } from '../../shared/random.ts'
import { ledgerError } from './errors.ts'
import { openCheckpointPublisher, type CheckpointPublisher } from './checkpoint-publisher.ts'
import { testLog, type TestLog } from './testing.ts'
import { type TileFiles, tileFiles } from './tile-files.ts'

const is = (code: Parameters<typeof ledgerError.is>[1]) => (error: unknown) =>
  ledgerError.is(error, code)

const publisher = (log: TestLog, files: TileFiles): Promise<CheckpointPublisher> =>
  openCheckpointPublisher({
    database: log.database,
    clock: systemClock,
    signer: issuer,
    files,
    fleet: FLEET,
  })

/** Returns files whose n-th write fails, before or after its effect. */
function faulty(files: TileFiles, plan: { at: number; applied: boolean }): TileFiles {
  let writes = 0
  return {
    ...files,
    async write(path, bytes) {
      writes += 1
      if (writes !== plan.at) return files.write(path, bytes)
      if (plan.applied) await files.write(path, bytes)
      throw ledgerError('ledger.storage', { path, reason: 'EIO' })
    },
  }
}

describe('a disk that fails', () => {
  it('AL-10: signs nothing if a file reads back other bytes than were written', async () => {
    await using log = await testLog('sqlite', 5)
    const readBack = async (path: string): Promise<Uint8Array> => {
      const bytes = await readFile(path)
      if (path.includes('/tile/0/')) bytes[40] = (bytes[40] as number) ^ 16
      return bytes
    }
    const files = tileFiles(
      { random: systemRandom, readBack },
      { folder: join(log.scratch, 'other'), mode: 0o600 },
    )
    const opened = await publisher(log, files)
    assert.ok(is('ledger.read-back')(opened.frozen()))
    await assert.rejects(opened.checkpoint(), is('ledger.frozen'))
    assert.deepEqual(await log.database.query.selectFrom('checkpoint').selectAll().execute(), [])
  })

  it('a failed write, applied or not, prevents one checkpoint and nothing else', async () => {
    await using log = await testLog('sqlite', 3)
    await log.ledger.checkpoint()
    const files = tileFiles({ random: systemRandom }, { folder: log.folder, mode: 0o600 })
    let operation = 100
    for (const applied of [false, true]) {
      for (let at = 1; at <= 3; at += 1) {
        const opened = await publisher(log, faulty(files, { at, applied }))
        await log.fill([await intentStatement(operation)])
        operation += 1
        await assert.rejects(opened.checkpoint(), is('ledger.storage'))
        assert.equal(opened.frozen(), undefined)
        const { size } = await opened.checkpoint()
        assert.equal(size, (await log.ledger.head()).size)
        assert.equal((await publisher(log, files)).published()?.size, size)
      }
    }
    const ledger = await log.reopen()
    assert.deepEqual((await ledger.verify()).findings, [])
  })

  it('names the folder that cannot be written', async () => {
    await using log = await testLog('sqlite', 3)
    await writeFile(join(log.scratch, 'file'), '')
    const files = tileFiles(
      { random: systemRandom },
      { folder: join(log.scratch, 'file'), mode: 0o600 },
    )
    await assert.rejects(
      files.write('tile/0/000', Buffer.alloc(32)),
      (error: Error) => is('ledger.storage')(error) && error.message.includes('/file'),
    )
    await assert.rejects(publisher(log, files), is('ledger.storage'))
  })

  it('reports whether an entry was made, and whether reading or writing failed', async () => {
    await using log = await testLog('sqlite', 3)
    await writeFile(join(log.scratch, 'file'), '')
    const files = tileFiles(
      { random: systemRandom },
      { folder: join(log.scratch, 'file'), mode: 0o600 },
    )
    const failure = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'nothing failed',
        (error: MusterError) => `${error.message}; ${error.hint}`,
      )
    assert.match(
      await failure(files.write('tile/0/000', Buffer.alloc(32))),
      /cannot be written: [a-z ]+; free some space on that disk or repair it, then try again$/,
    )
    assert.match(
      await failure(files.read('tile/0/000')),
      /^reading .*file.*failed: a part of its path is not a folder; repair the disk/,
    )
  })

  it('keeps only the newest partial tiles', async () => {
    await using log = await testLog('sqlite', 3)
    await log.ledger.checkpoint()
    await mkdir(join(log.folder, 'tile/0/000.p'), { recursive: true })
    await writeFile(join(log.folder, 'tile/0/000.p/77'), 'left by a crash')
    await log.fill([await intentStatement(7)])
    await log.ledger.checkpoint()
    const names = await readdir(join(log.folder, 'tile'), { recursive: true, withFileTypes: true })
    assert.deepEqual(
      names
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(log.folder.length))
        .sort(),
      ['/tile/0/000.p/4', '/tile/entries/000.p/4'],
    )
  })
})
