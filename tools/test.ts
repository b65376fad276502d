/**
 * npm test: runs every *.test.ts of the project (or those below the given paths) in separate
 * processes, and prints node's summary. The tests with real package managers (e2e/clients) need
 * root and Debian packages, so they run only with --clients. A test file that doesn't end after its
 * last test fails, because it leaks a timer, socket or child (tools/test-exit.ts).
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
/** The time limit of a test. It is longer than any test takes on a busy machine with two cores. */
const TEST_TIMEOUT_MS = 300_000
/**
 * The number of concurrent test processes. Most tests wait for processes and disks, so three were
 * fastest on two cores (CONTRIBUTING.md).
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

/** Returns the test files of the project, as paths relative to its root, in a fixed order. */
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
      console.error(`muster: error: no such path: ${path}`)
      process.exit(2)
    }
    return relative(root, absolute)
  })
  // A named file is run even if its name doesn't end in .test.ts.
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
    // A shared compile cache halves the start time of each test process.
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'tests') },
  },
)
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1
})
