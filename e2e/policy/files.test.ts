/** Checks that files are small, begin with a header comment, and have one noun as their name. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, sources } from '../../tools/sources.ts'
import { assertNone } from './findings.ts'

const MAX_LINES = 400
/** A test file may be longer, because each test is read separately. */
const MAX_TEST_LINES = 600
/** The words in a longer file's header that introduce the reason. */
const REASON = /\bone file because\b/i
/** A shorter header has no content. */
const MIN_HEADER = 10

/** The comment at the beginning of a file, or undefined. */
function headerOf(text: string): string | undefined {
  const match = /^(?:#!.*\n)?(?:\/\*\*([\s\S]*?)\*\/|((?:\/\/.*\n)+))/.exec(text)
  return (match?.[1] ?? match?.[2])?.replace(/^[\s*/]+/gm, '').trim()
}

test('policy: every file begins with a header comment', () => {
  // A test file needs no header, because its test titles describe it.
  const bare = sources().filter(
    ({ path, text }) => !path.endsWith('.test.ts') && (headerOf(text)?.length ?? 0) < MIN_HEADER,
  )
  assertNone(
    bare.map(({ path }) => `${path}:1: no header`),
    'begin with a comment that states what the module guarantees',
  )
})

test('policy: the policies check all code', () => {
  const exclude = (path: string): boolean => /(^|\/)(node_modules|dist|\.[^/]+)$/.test(path)
  const found = globSync('**/*.{ts,mts,cts,tsx,js,mjs,cjs,jsx}', { cwd: root, exclude })
  const known = new Set([
    ...sources().map(({ path }) => path),
    // The launchers preload this file before any TypeScript.
    'cli/early-interrupt.cjs',
    // These run before an installation, with any Node, or in the published package.
    'tools/lockfile.mjs',
    'tools/package-bin.mjs',
    'tools/run.mjs',
  ])
  assertNone(
    found.filter(
      (path) =>
        !known.has(path) && !path.endsWith('.as.ts') && !path.startsWith('e2e/policy/fixtures/'),
    ),
    'write TypeScript in a folder of FOLDERS (tools/sources.ts)',
  )
})

test('policy: scripts in other languages begin with a header comment too', () => {
  for (const path of [
    ...globSync('tools/*.mjs', { cwd: root }),
    ...['bin/muster', '.ci/run'].filter((file) => existsSync(join(root, file))),
  ]) {
    const [first = '', second = ''] = readFileSync(join(root, path), 'utf8').split('\n')
    assert.match(first.startsWith('#!') ? second : first, /^(\/\/|#) .{20}/, path)
  }
})

test('policy: a file of more than 400 lines states its reason', () => {
  const long = sources().filter(
    ({ path, text }) =>
      text.split('\n').length - 1 > (path.endsWith('.test.ts') ? MAX_TEST_LINES : MAX_LINES) &&
      !REASON.test(headerOf(text) ?? ''),
  )
  assertNone(
    long.map(({ path, text }) => `${path}:1: ${text.split('\n').length - 1} lines`),
    'split it, or give the reason in its header: "One file because …"',
  )
})

test('policy: no files named utils or helpers, and no files of re-exports only', () => {
  const vague = sources().filter(
    ({ path }) =>
      /(^|\/)(utils?|helpers?|common|misc|shared)\.ts$/.test(path) ||
      /\/(utils?|helpers?|common|misc)\//.test(path),
  )
  assertNone(
    vague.map(({ path }) => `${path}:1: not one subject`),
    'name the file by its one subject',
  )
  const barrels = sources().filter(
    ({ code }) =>
      /^\s*export\s/m.test(code) &&
      code
        .split('\n')
        .every(
          (line) =>
            line.trim() === '' ||
            /^\s*(export\s+(type\s+)?(\*|\{[^}]*\})[^;]*from\s|\}\s*from\s|[\w\s,]+$)/.test(line),
        ),
  )
  assertNone(
    barrels.map(({ path }) => `${path}:1: only re-exports`),
    'import from the files themselves',
  )
})

test('policy: every protocol has the same five files', () => {
  const folders = readdirSync(join(root, 'protocols'), { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !['wire', 'rpc'].includes(entry.name),
  )
  const missing = folders.flatMap(({ name }) =>
    ['README.md', 'messages.ts', 'limits.ts', 'protocol.ts', 'cases.ts']
      .filter((file) => !existsSync(join(root, 'protocols', name, file)))
      .map((file) => `protocols/${name}/${file}`),
  )
  assertNone(missing, 'write the missing files of the protocol')
})

test('policy: no TODO comments', () => {
  const later = sources().flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        /\b(TODO|FIXME|XXX|HACK)\b/.test(line) && path !== 'e2e/policy/files.test.ts'
          ? [`${path}:${index + 1}: ${line.trim()}`]
          : [],
      ),
  )
  assertNone(later, 'do it, or file an issue')
})
