/**
 * Checks that test titles are unique, that no test is switched off, and that each test file ends
 * without help.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, sources } from '../../tools/sources.ts'
import { assertNone, placeOf } from './findings.ts'

const tests = sources().filter(({ path }) => path.endsWith('.test.ts'))

const TITLE =
  /(?<![.\w])(?:test|it)(?:\.\w+)?\(\s*(?:'((?:[^'\\\n]|\\.)*)'|`([^`$]*)`|"((?:[^"\\\n]|\\.)*)")/g

/**
 * Returns the titles as plain text, each with its index. A title in a loop contains the loop's
 * value.
 */
function titlesIn(code: string): { title: string; index: number }[] {
  return [...code.matchAll(TITLE)].map((match) => ({
    title: (match[1] ?? match[2] ?? match[3]) as string,
    index: match.index,
  }))
}

test('policy: test names are unique in the whole project', () => {
  const first = new Map<string, string>()
  const twins: string[] = []
  for (const { path, code } of tests) {
    for (const { title, index } of titlesIn(code)) {
      const place = placeOf({ path }, code, index)
      const other = first.get(title)
      if (other !== undefined) twins.push(`${place}: ${JSON.stringify(title)} is also in ${other}`)
      first.set(title, place)
    }
  }
  assertNone(twins, 'give each test its own title')
})

const OFF =
  /\b(?:test|it|describe|suite|t|context)\.(?:skip|only|todo)\b|[{,]\s*(?:skip|only|todo):/

test('policy: no test has skip, only or todo', () => {
  const off = tests.flatMap(({ path, code }) =>
    code.split('\n').flatMap((line, index) => (OFF.test(line) ? [`${path}:${index + 1}`] : [])),
  )
  assert.deepEqual(
    off.filter((place) => !place.startsWith('e2e/policy/tests.test.ts')),
    [],
  )
})

test('policy: no test mocks another module', () => {
  const mocked = tests.filter(
    ({ path, code }) =>
      /\bmock\.(?:fn|method|module|timers)\b|\bjest\.|\bvi\.|\bsinon\b/.test(code) &&
      path !== 'e2e/policy/tests.test.ts',
  )
  assert.deepEqual(
    mocked.map(({ path }) => path),
    [],
  )
})

/** Runs a file with the test runner of npm test. */
function runTests(...args: string[]): Promise<{ code: number | null; output: string }> {
  // This variable marks a process as a test. With it, the runner would report to this process and
  // run nothing.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(process.execPath, [join(root, 'tools/test.ts'), ...args], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })))
}

test('policy: a test file that leaves a handle open fails, another passes', async () => {
  const [leaky, tidy] = await Promise.all([
    runTests('e2e/policy/fixtures/leaky.ts'),
    runTests('e2e/policy/fixtures/tidy.ts'),
  ])
  assert.equal(leaky.code, 1, leaky.output)
  assert.match(leaky.output, /leaky\.ts does not end by itself; still open: TCPServerWrap/)
  assert.equal(tidy.code, 0, tidy.output)
})

test('policy: the test runner rejects unknown arguments without a stack', async () => {
  for (const [args, message] of [
    [['--olny', 'x'], /^muster: error: Unknown option '--olny'/],
    [['no/such/folder'], /^muster: error: no such path: no\/such\/folder\n$/],
    [['docs'], /^muster: error: no test file matches\n$/],
  ] as const) {
    const { code, output } = await runTests(...args)
    assert.equal(code, 2, output)
    assert.match(output, message)
    assert.doesNotMatch(output, /\n\s+at /)
  }
})
