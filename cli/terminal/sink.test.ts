/** Checks with real processes what happens if a result can't be written. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { systemClock } from '../../shared/clock.ts'
import { createProgress } from './progress.ts'
import { createSink } from './sink.ts'

/** Runs a line of bash in which `$MUSTER` is the test program. */
function shell(line: string): Promise<{ code: number | null; stderr: string }> {
  const program = `"${process.execPath}" "${join(import.meta.dirname, '../testing/program.ts')}"`
  const child = spawn('bash', ['-c', line.replaceAll('$MUSTER', program)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stderr })))
}

test('sink: a result on a full device is an error with exit code 1', async () => {
  for (const words of ['echo', 'echo --help', 'flood', '--help']) {
    const { code, stderr } = await shell(`$MUSTER ${words} >/dev/full`)
    assert.equal(code, 1, words)
    assert.match(
      stderr,
      /^muster: error: cannot write the output: the disk is full\nmuster: hint: /,
    )
  }
  const { code, stderr } = await shell('$MUSTER echo -o json >/dev/full')
  assert.deepEqual([code, (JSON.parse(stderr) as { code: string }).code], [1, 'cli.output-failed'])
})

test('sink: a partial write to a nearly full disk is an error', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-sink-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'out')
  // The limit of the file is 2 KiB. The write that exceeds it succeeds in part.
  const { code, stderr } = await shell(`ulimit -f 2; $MUSTER big >${file}`)
  assert.match(
    stderr,
    /error: cannot write the output: the file is too large for the file system\n/,
  )
  assert.deepEqual([code, (await stat(file)).size], [1, 2048])
})

test('sink: a closed pipe ends a command silently with 141', async () => {
  const { code, stderr } = await shell('$MUSTER flood | head -c 10; exit ${PIPESTATUS[0]}')
  assert.deepEqual([code, stderr], [141, ''])
})

test('sink: a terminal without a size has 80 columns, and progress fits', () => {
  const terminal = Object.assign(new PassThrough(), { columns: 0, isTTY: true })
  const sink = createSink(terminal, { color: false })
  assert.equal(sink.columns, 80)
  const deps = { clock: systemClock, sink }
  const progress = createProgress(deps, { what: 'epel9', unit: 'files', mode: 'line' })
  progress.log('first')
  progress.log('second')
  progress.stop()
  const shown = String(terminal.read())
  assert.match(shown, /epel9/)
  assert.doesNotMatch(shown, /NaN|Infinity/)
})
