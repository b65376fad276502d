/** `muster doctor` finds problems of a home and prints fixes. It exits with 1 only for failures. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { runMuster } from '../../testing/run-muster.ts'

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'muster-doctor-'))
})
afterEach(() => rmSync(home, { recursive: true }))

interface Row {
  readonly check: string
  readonly status: string
  readonly detail: string
  readonly fix?: string
}

async function doctor(
  env: Record<string, string> = {},
): Promise<{ code: number; rows: Map<string, Row> }> {
  const { code, stdout } = await runMuster(['doctor', '-o', 'json', '-q'], {
    MUSTER_HOME: home,
    ...env,
  })
  return { code, rows: new Map((JSON.parse(stdout) as Row[]).map((row) => [row.check, row])) }
}

test('doctor: a correct machine and home are ok, with versions', async () => {
  writeFileSync(join(home, 'config.yaml'), '')
  const { code, rows } = await doctor()
  assert.equal(code, 0)
  for (const check of ['node', 'sqlite', 'blake3', 'home', 'config'])
    assert.equal(rows.get(check)?.status, 'ok', check)
  assert.match(rows.get('sqlite')?.detail ?? '', /^sqlite 3\.\d+\.\d+$/)
  assert.equal(rows.get('blake3')?.detail, 'blake3 kernel simd')
})

test('doctor: a slow fallback is a warning, not a failure', async () => {
  const { code, rows } = await doctor({ MUSTER_BLAKE3: 'typescript' })
  assert.equal(code, 0)
  assert.deepEqual(
    [rows.get('blake3')?.status, /slower/.test(rows.get('blake3')?.detail ?? '')],
    ['warn', true],
  )
})

test('doctor: a missing native library is a warning', async () => {
  const { code, rows } = await doctor({ MUSTER_BLAKE3: 'simd' })
  assert.equal(code, 0)
  assert.deepEqual(
    [
      rows.get('blake3')?.status,
      /without the native library/.test(rows.get('blake3')?.detail ?? ''),
    ],
    ['warn', true],
  )
})

test('doctor: a writable home and a wrong configuration are failures with a fix', async () => {
  writeFileSync(join(home, 'config.yaml'), 'downlaod: {}\n')
  chmodSync(home, 0o777)
  const { code, rows } = await doctor()
  assert.equal(code, 1)
  assert.deepEqual(
    [rows.get('home')?.status, rows.get('home')?.fix],
    ['fail', `chmod go-w ${home}`],
  )
  assert.deepEqual(
    [rows.get('config')?.status, rows.get('config')?.fix],
    ['fail', 'muster config validate'],
  )
  assert.match(rows.get('config')?.detail ?? '', /config\.yaml:1:1 downlaod: unknown key/)
})

test('doctor: prints one line for each check and a summary', async () => {
  const { code, stdout, stderr } = await runMuster(['doctor', '--home', join(home, 'none')])
  assert.equal(code, 0)
  assert.match(stdout, /^ok {8}node v24/)
  assert.match(stdout, /\nwarn {6}there is no home at .*none\n {10}fix: create one: muster init/)
  assert.match(stderr, /^\d+ ok, \d+ skipped, \d+ warnings?, 0 failures\n$/)
})
