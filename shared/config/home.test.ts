/** The order in which the home and the configuration are looked up. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { findConfigFile, resolveHome } from './home.ts'

test('home: the flag precedes the variable, and both precede the default', () => {
  const env = { MUSTER_HOME: '/by/variable', HOME: '/home/a' }
  assert.equal(resolveHome({ flag: 'by/flag', env, uid: 0 }), resolve('by/flag'))
  assert.equal(resolveHome({ env, uid: 0 }), '/by/variable')
  assert.equal(resolveHome({ env: { ...env, MUSTER_HOME: '' }, uid: 0 }), '/var/lib/muster')
  assert.equal(resolveHome({ env: { HOME: '/home/a' }, uid: 1000 }), '/home/a/.local/share/muster')
})

test('home: uses a named configuration always, and a default one only if it exists', async () => {
  const home = mkdtempSync(join(tmpdir(), 'muster-home-'))
  try {
    assert.equal(
      await findConfigFile({ flag: 'x.yaml', env: { MUSTER_CONFIG: '/y.yaml' }, home }),
      resolve('x.yaml'),
    )
    assert.equal(await findConfigFile({ env: { MUSTER_CONFIG: '/y.yaml' }, home }), '/y.yaml')
    await assert.rejects(findConfigFile({ env: {}, home }), { code: 'config.not-found' })
    writeFileSync(join(home, 'config.yaml'), '')
    assert.equal(await findConfigFile({ env: {}, home }), join(home, 'config.yaml'))
  } finally {
    rmSync(home, { recursive: true })
  }
})
