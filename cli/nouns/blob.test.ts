/** Checks that content from a node is verified before it replaces a file. */
import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { serveBlob } from '../testing/blob-server.ts'
import { runMuster } from '../testing/run-muster.ts'

test('cli/blob: rejects wrong bytes and keeps the existing file', async () => {
  const good = Buffer.from('what was asked for')
  await using server = await serveBlob(good)
  const { home, folder, blob } = server
  await writeFile(join(folder, 'file'), 'before')
  const get = () => runMuster(['--home', home, 'blob', 'get', blob, '--to', join(folder, 'file')])

  server.bytes = Buffer.from('something else')
  const altered = await get()
  assert.equal(altered.code, 9, altered.stderr)
  assert.match(altered.stderr, /the received content is not the blob: expected /)
  assert.deepEqual(
    [await readdir(folder), await readFile(join(folder, 'file'), 'utf8')],
    [['file'], 'before'],
  )
  server.bytes = good
  assert.equal((await get()).code, 0)
  assert.deepEqual(await readFile(join(folder, 'file')), good)
})
