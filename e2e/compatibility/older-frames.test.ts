/** Today's coordinator accepts the bytes that an older agent sent. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { facts } from '../../protocols/facts/protocol.ts'
import { openOlderHomes } from './older-homes.ts'

const SENDER = join(import.meta.dirname, 'send-frames.ts')

test('older homes: accepts and shows the facts that an older agent sent', {
  timeout: 240_000,
}, async () => {
  await using homes = await openOlderHomes()
  const { ready } = await homes.coordinator()
  const before = await homes.ok(['package', 'find', 'openssl'])
  assert.match(before, /3\.0\.14-1~deb12u1/)
  // The file has the signed statement, an unsigned collection, and the package set.
  const sent = await readFile(homes.path('frames', 'push'))
  assert.ok(!sent.includes('muster/collection/v1'))
  // The sender is a separate process, so that its certificates have the time of the homes.
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [SENDER, homes.path('web-1'), ready[1] as string, facts.id],
    { input: sent, env: homes.environment() },
  )
  assert.equal(status, 0, stderr.toString())
  assert.match(stdout.toString('latin1'), /result.applied/)

  assert.match(await homes.ok(['package', 'find', 'openssl']), /3\.0\.15-1~deb12u1/)
  const shown = (await homes.today('agent show web-1')) as { facts: object }
  assert.partialDeepStrictEqual(shown.facts, {
    problems: [],
    managers: [{ name: 'dpkg', state: 'read', packages: 2 }],
  })
  const history = (await homes.today('facts history web-1')) as { name: string; to: string }[]
  assert.deepEqual(history.map(({ name, to }) => `${name} ${to}`).sort(), [
    'openssl 3.0.14-1~deb12u1',
    'openssl 3.0.15-1~deb12u1',
  ])
})
