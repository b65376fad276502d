import assert from 'node:assert/strict'
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemRandom as random } from '../../shared/random.ts'
import { openJournalFile } from './journal-file.ts'

/** The user `nobody`, because permissions don't apply to root. */
const NOBODY = 65_534

/**
 * Creates a folder of a user other than root. If `shut`, the folder can't be opened, but files can
 * be created in it.
 */
async function folderOf(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'muster-journal-file-'))
  const isRoot = process.geteuid?.() === 0
  if (isRoot) {
    await chown(folder, NOBODY, NOBODY)
    process.seteuid?.(NOBODY)
  }
  t.after(async () => {
    if (isRoot) process.seteuid?.(0)
    await rm(folder, { recursive: true, force: true })
  })
  return {
    path: join(folder, 'journal'),
    shut: (yes: boolean) => chmod(folder, yes ? 0o300 : 0o700),
  }
}

async function records(path: string): Promise<unknown[]> {
  const opened = await openJournalFile({ random }, path)
  await opened.file.close()
  return opened.records
}

test('facts journal file: keeps appended records after a failed replacement', async (t) => {
  const { path, shut } = await folderOf(t)
  const { file } = await openJournalFile({ random }, path)
  await file.append(1)
  await file.append(2)
  await shut(true)
  await assert.rejects(file.replace([2]), { code: 'EACCES' })
  await assert.rejects(file.append(3), { code: 'EACCES' })
  await shut(false)
  await file.append(4)
  await file.replace([2, 4])
  await file.append(5)
  await file.close()
  assert.deepEqual(await records(path), [2, 4, 5])
})

test('facts journal file: a replacement that failed early changes nothing', async (t) => {
  const { path } = await folderOf(t)
  const { file } = await openJournalFile({ random }, path)
  await file.append(1)
  await chmod(join(path, '..'), 0o500)
  await assert.rejects(file.replace([2]), { code: 'EACCES' })
  await file.append(3)
  await chmod(join(path, '..'), 0o700)
  await file.close()
  assert.deepEqual(await records(path), [1, 3])
})
