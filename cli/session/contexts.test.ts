/** Checks that contexts stay in the file that the user chose, also behind a symbolic link. */
import assert from 'node:assert/strict'
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { systemRandom } from '../../shared/random.ts'
import { contextFile } from './contexts.ts'

test('contexts: follows a symbolic link, keeps the mode, rejects a device', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-contexts-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const file = contextFile({ random: systemRandom }, { XDG_CONFIG_HOME: folder })
  await mkdir(join(folder, 'muster'))
  await writeFile(join(folder, 'dotfile'), '{"current":null,"contexts":{}}')
  await chmod(join(folder, 'dotfile'), 0o640)
  await symlink('../dotfile', file.path)
  const contexts = { current: 'prod', contexts: { prod: { ticket: 'muster1-x' } } }
  await file.write(contexts)
  assert.equal(await readlink(file.path), '../dotfile')
  assert.deepEqual(JSON.parse(await readFile(join(folder, 'dotfile'), 'utf8')), contexts)
  assert.equal((await stat(file.path)).mode & 0o777, 0o640)
  await rm(file.path)
  await symlink('/dev/null', file.path)
  await assert.rejects(file.write(contexts), { code: 'context.file' })
  assert.equal(await readlink(file.path), '/dev/null')
  await rm(file.path)
  await file.write(contexts)
  assert.equal((await stat(file.path)).mode & 0o777, 0o600)
})
