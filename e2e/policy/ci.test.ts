/**
 * Checks .ci/run with stub steps: its counts, its exit codes, and that each process of a step ends
 * with the step.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { lives, readStat } from '../../agent/runner/containment/process-identity.ts'
import { root } from '../../tools/sources.ts'

let folder = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-ci-'))
  mkdirSync(join(folder, '.ci'))
  copyFileSync(join(root, '.ci/run'), join(folder, '.ci/run'))
})
after(() => rmSync(folder, { recursive: true }))

function ci(
  scripts: Readonly<Record<string, string>>,
  ...steps: readonly string[]
): { status: number | null; last: string; all: string } {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'x', private: true, scripts }))
  const { status, stdout, stderr } = spawnSync(join(folder, '.ci/run'), steps, {
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: folder, npm_config_update_notifier: 'false' },
  })
  return { status, last: stdout.trimEnd().split('\n').at(-1) ?? '', all: stdout + stderr }
}

const summary = (pass: number, fail: number): string =>
  `printf '\\n\\342\\204\\271 pass %d\\n\\342\\204\\271 fail %d\\n' ${pass} ${fail}`

test('ci: counts tests from their summary and other steps as one each', () => {
  const good = ci({ build: 'true', test: summary(3, 0) }, 'build', 'test')
  assert.deepEqual([good.status, good.last], [0, '4 passed, 0 failed'], good.all)
  const failed = ci({ build: 'exit 3', test: `${summary(3, 2)}; exit 1` }, 'build', 'test')
  assert.deepEqual([failed.status, failed.last], [1, '3 passed, 3 failed'], failed.all)
  const crashed = ci({ test: `${summary(3, 0)}; exit 1` }, 'test')
  assert.deepEqual([crashed.status, crashed.last], [1, '3 passed, 1 failed'], crashed.all)
})

test('ci: an unknown step is an error', () => {
  const { status, all } = ci({}, 'biuld')
  assert.equal(status, 2)
  assert.match(all, /there is no step biuld; there are: packages check test/)
})

test('ci: a process that a step left ends with the step and does not block the run', () => {
  const { status, last, all } = ci(
    { build: `sleep 300 & echo $! >${join(folder, 'pid')}` },
    'build',
  )
  assert.deepEqual([status, last], [0, '1 passed, 0 failed'], all)
  const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'))
  assert.equal(lives(readStat(pid)), false)
})
