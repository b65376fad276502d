/**
 * npm test: runs every *.test.ts of the project (or those below the given paths) in processes of
 * their own, and prints node's summary. The real-client scenarios (e2e/clients) need root and
 * Debian packages, so they run only with --clients. A test file that doesn't exit by itself after
 * its last test fails (tools/test-exit.ts): something leaked a timer, socket or child.
 *
 * usage: npm test [-- [--clients] [--only PATTERN] [--concurrency N] [PATH...]]
 */
import { spawn } from 'node:child_process'
import { globSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
/** Longer than any test may take on a busy two-core machine. */
const TEST_TIMEOUT_MS = 300_000
/**
 * Test processes at once. Most tests wait for processes and disks rather than compute: on two cores
 * 3 measured best (CONTRIBUTING.md).
 */
const CONCURRENCY = Math.max(2, Math.ceil(availableParallelism() * 1.5))
const CLIENTS = 'e2e/clients/'

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        clients: { type: 'boolean', default: false },
        only: { type: 'string' },
        concurrency: { type: 'string' },
      },
    })
  } catch (error) {
    console.error(`muster: error: ${(error as Error).message}`)
    return process.exit(2)
  }
}
const { values, positionals } = parse()

/** Test files of the project, as paths relative to its root, in a fixed order. */
function testFiles(): string[] {
  const exclude = (path: string): boolean =>
    /(^|\/)(node_modules|dist|results|\.[^/]+)$/.test(path) || path === 'e2e/policy/fixtures'
  return globSync('**/*.test.ts', { cwd: root, exclude }).sort()
}

function selected(): string[] {
  const all = testFiles()
  if (positionals.length === 0)
    return all.filter((file) => file.startsWith(CLIENTS) === values.clients)
  const wanted = positionals.map((path) => {
    const absolute = resolve(path)
    if (statSync(absolute, { throwIfNoEntry: false }) === undefined) {
      console.error(`muster: error: there is no ${path}`)
      process.exit(2)
    }
    return relative(root, absolute)
  })
  // A file that is named is run, whatever it is called.
  const named = wanted.filter((path) => path.endsWith('.ts') && !all.includes(path))
  return [...named, ...all].filter((file) =>
    wanted.some((path) => path === '' || file === path || file.startsWith(`${path}/`)),
  )
}

const files = selected()
if (files.length === 0) {
  console.error('muster: error: no test file matches')
  process.exit(2)
}
const only = values.only === undefined ? [] : [`--test-name-pattern=${values.only}`]
const options = [
  `--test-concurrency=${values.concurrency ?? CONCURRENCY}`,
  `--test-timeout=${TEST_TIMEOUT_MS}`,
  ...only,
]
const child = spawn(
  process.execPath,
  [
    '--test',
    `--import=${join(root, 'tools/test-exit.ts')}`,
    ...options,
    ...files.map((file) => join(root, file)),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    // Compiled once, used by every test process: halves their start.
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'tests') },
  },
)
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1
})
