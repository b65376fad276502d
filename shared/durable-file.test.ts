/** Checks that durable writes are complete or have no effect, also when the disk is full. */
import assert from 'node:assert/strict'
import { lstat, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { makeDurableFolder, syncFolder, writeDurable } from './durable-file.ts'
import { systemRandom } from './random.ts'
import { runTool, tempFolder } from './testing/openssh.ts'

const deps = { random: systemRandom }
/** Returns the import specifier of a module in this folder. */
const moduleUrl = (name: string): string =>
  JSON.stringify(pathToFileURL(`${import.meta.dirname}/${name}`).href)

test('durable file: creates and replaces atomically, and leaves no temporary file', async () => {
  await using folder = await tempFolder()
  const path = folder.file('f')
  await writeDurable(deps, path, 'one')
  assert.equal((await lstat(path)).mode & 0o777, 0o600)
  const before = await lstat(path)
  await writeDurable(deps, path, Buffer.from('two'), { mode: 0o640 })
  const after = await lstat(path)
  assert.equal(await readFile(path, 'utf8'), 'two')
  assert.equal(after.mode & 0o777, 0o640)
  assert.notEqual(after.ino, before.ino)
  assert.deepEqual(await readdir(folder.path), ['f'])
})

test('durable file: an exclusive write replaces nothing, not even a dangling link', async () => {
  await using folder = await tempFolder()
  await writeDurable(deps, folder.file('new'), 'mine', { exclusive: true })
  assert.equal(await readFile(folder.file('new'), 'utf8'), 'mine')
  assert.equal((await lstat(folder.file('new'))).nlink, 1)
  await writeFile(folder.file('there'), 'theirs')
  await symlink(folder.file('nowhere'), folder.file('link'))
  for (const name of ['new', 'there', 'link'])
    await assert.rejects(
      writeDurable(deps, folder.file(name), 'x', { exclusive: true }),
      { code: 'EEXIST' },
      name,
    )
  assert.equal(await readFile(folder.file('there'), 'utf8'), 'theirs')
  assert.deepEqual((await readdir(folder.path)).sort(), ['link', 'new', 'there'])
})

test('durable file: exactly one of several concurrent exclusive writes succeeds', async () => {
  await using folder = await tempFolder()
  const texts = Array.from({ length: 8 }, (_, i) => `writer ${i}`)
  const all = await Promise.allSettled(
    texts.map((text) => writeDurable(deps, folder.file('f'), text, { exclusive: true })),
  )
  const winners = texts.filter((_, i) => all[i]?.status === 'fulfilled')
  assert.deepEqual([await readFile(folder.file('f'), 'utf8')], winners)
  assert.deepEqual(await readdir(folder.path), ['f'])
})

test('durable file: a failed write keeps the old file and creates no new one', async () => {
  await using folder = await tempFolder()
  await writeFile(folder.file('old'), 'old')
  // The shell sets the file size limit to 0, which Node reports as EFBIG.
  const program = `
    import { writeDurable } from ${moduleUrl('durable-file.ts')}
    import { systemRandom } from ${moduleUrl('random.ts')}
    const failed = []
    for (const [name, exclusive] of [['old', false], ['new', true], ['other', false]])
      await writeDurable({ random: systemRandom }, process.argv[1] + '/' + name, 'x', { exclusive })
        .catch((error) => failed.push(error.code))
    process.exitCode = failed.join() === 'EFBIG,EFBIG,EFBIG' ? 7 : 1`
  const shell = 'ulimit -f 0 && exec "$0" --input-type=module -e "$1" "$2"'
  const { code, stderr } = await runTool('/bin/sh', [
    '-c',
    shell,
    process.execPath,
    program,
    folder.path,
  ])
  assert.equal(code, 7, stderr)
  assert.deepEqual(await readdir(folder.path), ['old'])
  assert.equal(await readFile(folder.file('old'), 'utf8'), 'old')
})

test('durable file: creates a folder and its missing parents durably', async () => {
  await using folder = await tempFolder()
  const synced: string[] = []
  const sync = async (path: string): Promise<void> => {
    await syncFolder(path)
    synced.push(path)
  }
  const inner = folder.file('a/b/c')
  await makeDurableFolder(inner, 0o755, sync)
  assert.deepEqual(synced, [folder.file('a/b'), folder.file('a'), folder.path])
  assert.equal((await lstat(folder.file('a'))).mode & 0o7777, 0o755)
  await makeDurableFolder(inner, 0o755, sync)
  await makeDurableFolder(folder.file('a/d'), 0o755, sync)
  assert.deepEqual(synced.slice(3), [folder.file('a')])
  await assert.rejects(
    makeDurableFolder(folder.file('a/b/c/../../../file/x'), 0o755, async () => {
      throw Object.assign(new Error('EIO'), { code: 'EIO' })
    }),
    { code: 'EIO' },
  )
})
