/** Confirmation on a real terminal, which script(1) creates. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

/** Types `keys` after the question. Returns the exit code and the text on the terminal. */
function answer(keys: string): Promise<{ code: number | null; shown: string }> {
  const script = join(import.meta.dirname, '../testing/program.ts')
  const program = `${process.execPath} ${script} destroy`
  const child = spawn('script', ['--quiet', '--return', '--command', program, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const asked = shown.includes('[y/N]')
    shown += text
    if (!asked && shown.includes('[y/N]')) child.stdin.write(keys)
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, shown })))
}

test('CC-06: only y or yes confirms; n, an empty line, Ctrl-D and Ctrl-C do not', async () => {
  const cases: [string, number, RegExp | undefined][] = [
    ['y\n', 0, undefined],
    ['YES\n', 0, undefined],
    ['n\n', 1, /not confirmed, so nothing was done: this deletes everything/],
    ['\n', 1, /not confirmed, so nothing was done: this deletes everything/],
    ['yesterday\n', 1, /not confirmed, so nothing was done: this deletes everything/],
    ['\u0004', 1, /not confirmed, so nothing was done: this deletes everything/],
    ['\u0003', 130, /interrupted/],
  ]
  const outcomes = await Promise.all(cases.map(([keys]) => answer(keys)))
  for (const [index, [keys, code, message]] of cases.entries()) {
    const outcome = outcomes[index]
    assert.equal(outcome?.code, code, JSON.stringify(keys) + outcome?.shown)
    if (message !== undefined) assert.match(outcome?.shown ?? '', message, JSON.stringify(keys))
    assert.doesNotMatch(outcome?.shown ?? '', /internal error/)
  }
})
