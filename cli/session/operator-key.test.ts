/** Tests the prompt for a pass phrase on a real terminal, which script(1) creates. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { saveKeyFile } from '../../shared/identity/key-file.ts'
import { systemRandom } from '../../shared/random.ts'
import { testKey } from '../../shared/testing/statements.ts'

/** Types each of `keys` as soon as its prompt is on the screen. */
function type(
  file: string,
  answers: readonly (readonly [question: string, keys: string])[],
): Promise<{ code: number | null; shown: string }> {
  const script = join(import.meta.dirname, '../testing/program.ts')
  const program = `${process.execPath} ${script} sign --identity ${file}`
  const child = spawn('script', ['--quiet', '--return', '--command', program, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const left = [...answers]
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text
    const [next] = left
    if (next === undefined || !shown.includes(next[0])) return
    left.shift()
    child.stdin.write(next[1])
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, shown })))
}

test('CC-05: a pass phrase is never shown, and Ctrl-C ends the prompt', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-phrase-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'key')
  await saveKeyFile({ random: systemRandom }, file, testKey(1), { passphrase: 'grüße' })
  const phrase = 'Pass phrase of the key: '
  const { fingerprint } = testKey(1)
  const [yes, no, both, wrong, interrupted] = await Promise.all([
    type(file, [
      [phrase, 'grüx\u007fße\r'],
      ['[y/N]', 'y\r'],
    ]),
    type(file, [
      [phrase, 'grüße\r'],
      ['[y/N]', 'n\r'],
    ]),
    type(file, [[phrase, 'grüße\ry\r']]),
    type(file, [[phrase, 'wrong phrase\r']]),
    type(file, [[phrase, 'gr\u0003']]),
  ])
  assert.deepEqual([yes.code, yes.shown.includes(fingerprint)], [0, true], yes.shown)
  assert.deepEqual([no.code, no.shown.includes('nothing was done')], [1, true], no.shown)
  assert.deepEqual([both.code, both.shown.includes(fingerprint)], [0, true], both.shown)
  assert.equal(wrong.code, 4, wrong.shown)
  assert.deepEqual(
    [interrupted.code, / interrupted\r?\n/.test(interrupted.shown)],
    [130, true],
    interrupted.shown,
  )
  for (const { shown } of [yes, no, both, wrong, interrupted])
    assert.doesNotMatch(shown, /grü|wrong phrase|internal error/)
})
