/** Tests which data of the closed gate other processes can see. */
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { launch, type Launched } from './launch.ts'
import { findTools } from './system-tools.ts'

async function shut(
  t: TestContext,
  command: readonly string[],
  environment: readonly string[],
): Promise<Launched> {
  const out = openSync('/dev/null', 'w')
  const launched = await launch(
    { tools: findTools() },
    { command, environment, tag: '1', cwd: '/', stdout: out, stderr: out },
  )
  closeSync(out)
  t.after(async () => {
    launched.abandon()
    await launched.exited
  })
  return launched
}

test('AL-13: the environment of a run is not in a public command line', async (t) => {
  const { pid } = await shut(
    t,
    ['true', 'argument'],
    ['PATH=/usr/bin', 'TOKEN=canary one', 'odd.name=canary two'],
  )
  const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  assert.match(line, /argument/)
  assert.doesNotMatch(line, /canary|TOKEN/)
  // Only the same user and root can read /proc/PID/environ.
  assert.match(readFileSync(`/proc/${pid}/environ`, 'utf8'), /canary one/)
})

test('AL-13: values reach the program byte for byte', async (t) => {
  const values = [
    '',
    ' ',
    'a b',
    '"',
    "'",
    '\\',
    '\\c',
    '${MUSTER_0}',
    '$HOME',
    '#',
    '\n',
    '\t',
    'é',
    '-i',
    '--',
    '=',
    'A=B',
    '`id`',
  ]
  const environment = values.map((value, index) => `V${index}=${value}`)
  const launched = await shut(t, ['sleep', '1000'], environment)
  launched.release()
  const at = `/proc/${launched.pid}/cmdline`
  while (!readFileSync(at, 'utf8').startsWith('sleep\0'))
    await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(
    readFileSync(`/proc/${launched.pid}/environ`, 'utf8').split('\0').slice(0, -1),
    environment,
  )
  process.kill(launched.pid, 'SIGKILL')
})
