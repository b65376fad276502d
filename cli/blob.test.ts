import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import type { Handlers } from '../protocols/define-protocol.ts'
import { localProtocol } from '../protocols/local/protocol.ts'
import { serveProtocol } from '../protocols/serve.ts'
import { serveSocket } from '../protocols/socket.ts'
import { blake3Of } from '../shared/blake3/hash.ts'
import { systemClock } from '../shared/clock.ts'
import { agentPaths } from '../shared/home.ts'
import { silentLogger } from '../shared/logger.ts'
import { runMuster } from './testing/run-muster.ts'

test('cli/blob: bytes that are not the blob are refused, and what was there before stays', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'muster-blob-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  const paths = agentPaths(home)
  await writeFile(paths.identity, '{}')
  const deps = { clock: systemClock, log: silentLogger }
  const good = Buffer.from('what was asked for')
  const sent = { bytes: Buffer.from('something else') }
  const handlers = {
    'blob.get': async (
      _request: unknown,
      { send }: { send: (bytes: Uint8Array) => Promise<void> },
    ) => {
      await send(sent.bytes)
      return { size: sent.bytes.length }
    },
  } as unknown as Handlers<typeof localProtocol>
  const policy = { allow: async () => ({ kind: 'local', name: 'local' }) as const }
  const serve = serveProtocol(localProtocol, handlers, { ...deps, policy })
  const socket = await serveSocket(deps, {
    path: paths.socket,
    protocols: new Map([[localProtocol.id, serve]]),
  })
  t.after(() => socket.close())
  const folder = join(home, 'to')
  await mkdir(folder)
  await writeFile(join(folder, 'file'), 'before')
  const get = () =>
    runMuster(['--home', home, 'blob', 'get', blake3Of(good), '--to', join(folder, 'file')])

  const altered = await get()
  assert.equal(altered.code, 9, altered.stderr)
  assert.match(altered.stderr, /what came for blob/)
  assert.deepEqual(
    [await readdir(folder), await readFile(join(folder, 'file'), 'utf8')],
    [['file'], 'before'],
  )
  sent.bytes = good
  assert.equal((await get()).code, 0)
  assert.deepEqual(await readFile(join(folder, 'file')), good)
})
