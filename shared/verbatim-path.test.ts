import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { linkText, pathError, realPath, realPathSync } from './verbatim-path.ts'

test('rejects a link to a path that is not UTF-8, and resolves any other link', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-path-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const target = Buffer.from(`${folder}/caf\xe9`, 'latin1')
  await mkdir(target)
  await mkdir(join(folder, 'caf\uFFFD'))
  await symlink(target, join(folder, 'latin1'))
  await symlink('caf\uFFFD', join(folder, 'typed'))
  await writeFile(join(folder, 'typed', 'file'), '')
  for (const refused of [
    () => realPath(join(folder, 'latin1')),
    () => linkText(join(folder, 'latin1')),
    async () => realPathSync(join(folder, 'latin1')),
  ])
    await assert.rejects(refused, (error) => pathError.is(error, 'path.not-utf8'))
  const real = await realPath(folder)
  assert.equal(await realPath(join(folder, 'typed', 'file')), join(real, 'caf\uFFFD', 'file'))
  assert.equal(realPathSync(join(folder, 'typed')), join(real, 'caf\uFFFD'))
  assert.equal(await linkText(join(folder, 'typed')), 'caf\uFFFD')
  await assert.rejects(realPath(join(folder, 'none')), { code: 'ENOENT' })
})
