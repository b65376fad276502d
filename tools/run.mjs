// Launcher: `node tools/run.mjs SCRIPT-OR-PACKAGE [ARGUMENT...]`, with any Node >= 18. On first
// use, and after a change of package-lock.json, it installs the dependencies: for the program
// itself only its runtime dependencies, for other scripts the development dependencies too. Then it
// runs the script with Node >= 24.12, the running one or the one from the optional dependency, and
// passes on the exit code. It is plain JavaScript without dependencies, because it runs before any
// installation.
import { spawn } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
} from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
/** sysexits.h EX_UNAVAILABLE: a requirement of the start is missing. */
const UNAVAILABLE = 69
/** The program, which needs no development dependencies. */
const PROGRAM = 'cli/main.ts'
/** The megabytes of the download and on the disk, on linux-x64. tools/run.test.ts checks them. */
const SIZES = { program: { download: 95, disk: 280 }, all: { download: 230, disk: 620 } }

function fail(message, hint) {
  console.error(`muster: error: ${message}\nmuster: hint: ${hint}`)
  process.exit(UNAVAILABLE)
}

/**
 * Returns whether node_modules matches package-lock.json, including `development` dependencies if
 * requested. It compares contents, not times, because a fresh checkout sets the times of all files.
 * Optional packages may be absent, but not different.
 */
function installed(development) {
  const read = (file) => JSON.parse(readFileSync(file, 'utf8')).packages
  const hidden = join(modules, '.package-lock.json')
  if (!existsSync(hidden)) return false
  const have = read(hidden)
  for (const [key, entry] of Object.entries(read(join(root, 'package-lock.json')))) {
    if (key === '') continue
    const found = have[key]
    // Optional packages are absent on other platforms.
    const dispensable = entry.optional || entry.devOptional || (entry.dev && !development)
    if (
      found === undefined
        ? !dispensable
        : found.version !== entry.version || found.integrity !== entry.integrity
    )
      return false
  }
  return true
}

/** Marks the contents as compared, so that bin/muster compares only times, which is fast. */
function touch() {
  try {
    const now = new Date()
    utimesSync(join(modules, '.package-lock.json'), now, now)
  } catch {
    // The checkout belongs to another user. Each start repeats the comparison, which takes 0.1 s.
  }
}

const alive = (pid) => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/**
 * Installs into a separate folder, then renames its node_modules into place. So two concurrent
 * first uses don't mix their files. A killed install leaves a folder that no program reads and the
 * next install removes.
 */
async function install(development) {
  for (const name of readdirSync(root)) {
    const pid = /^\.install-(\d+)$/.exec(name)?.[1]
    if (pid === undefined || alive(Number(pid))) continue
    try {
      rmSync(join(root, name), { recursive: true, force: true })
    } catch {
      // The folder belongs to another user, or its npm still writes. A later install removes it.
    }
  }
  const folder = join(root, `.install-${process.pid}`)
  const { download, disk } = development ? SIZES.all : SIZES.program
  console.error(
    `Installing dependencies from package-lock.json ` +
      `(about ${download} MB to download, ${disk} MB on disk) ...`,
  )
  try {
    mkdirSync(folder)
    for (const name of ['package.json', 'package-lock.json', '.npmrc'])
      copyFileSync(join(root, name), join(folder, name))
  } catch (error) {
    fail(
      `can't install the dependencies: ${error.message}`,
      `run \`npm ci\` in ${root} as the user who owns it`,
    )
  }
  // Under `npm run`, the outer npm sets npm_* variables for the project. The inner npm must get
  // only the user's settings.
  const environment = { ...process.env, NODE_ENV: '' }
  for (const name of Object.keys(environment))
    if (/^npm_(package|lifecycle|node|execpath|command|config_local_prefix)/.test(name))
      delete environment[name]
  const command = [
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    development ? '--include=dev' : '--omit=dev',
    '--include=optional',
    '--loglevel=error',
  ]
  const options = { cwd: folder, env: environment, stdio: ['ignore', 2, 2] }
  // This is the npm that runs this script. It may not be the first on the path. Other programs such
  // as yarn set the variable too, but don't support `ci`.
  const npm = process.env.npm_execpath
  const own = npm?.endsWith('/npm-cli.js')
  const child = own
    ? spawn(process.execPath, [npm, ...command], options)
    : spawn('npm', command, options)
  // npm gets SIGKILL for any signal. Otherwise it would wait for its downloads and restore a folder
  // that is removed afterwards.
  const { code, error, sent } = await ended(child, () => child.kill('SIGKILL'))
  if (code !== 0) {
    rmSync(folder, { recursive: true, force: true })
    if (error !== undefined) fail(`can't start npm: ${error.message}`, 'install npm 10 or newer')
    if (sent !== null) process.exit(128 + constants.signals[sent])
    fail(
      '`npm ci` failed; see its output above',
      'check the network and the npm registry settings, then start again',
    )
  }
  try {
    if (existsSync(modules) && !installed(development)) renameSync(modules, join(folder, 'old'))
    // Crash here: no node_modules, so the next start installs again.
    renameSync(join(folder, 'node_modules'), modules)
  } catch (error) {
    // ENOTEMPTY and EEXIST mean that another first use was faster. Its files are equal.
    if (!installed(development))
      fail(`can't put node_modules into place: ${error.message}`, `run \`npm ci\` in ${root}`)
  }
  rmSync(folder, { recursive: true, force: true })
}

/** Returns the Node to use. Type stripping is stable since 24.12. */
function findNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 24 || (major === 24 && minor >= 12)) return process.execPath
  const bundled = join(modules, `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (existsSync(bundled)) return bundled
  return fail(
    'Node 24.12 or newer is needed; ' +
      `this is ${process.version} on ${process.platform}-${process.arch}`,
    'install Node 24, or `npm install --include=optional` on linux-x64 or linux-arm64',
  )
}

/**
 * Returns a file of this project, or the command of an installed package: `typescript`,
 * `@biomejs/biome`.
 */
function findScript(what) {
  const own = join(root, what)
  if (/\.[mc]?[jt]s$/.test(what) && existsSync(own)) return own
  const manifest = join(modules, what, 'package.json')
  if (!existsSync(manifest))
    return fail(
      `${what} is neither a script of this project nor an installed package`,
      'run `npm ci` to install the development dependencies',
    )
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
  return join(
    modules,
    what,
    typeof bin === 'string' ? bin : (bin[what.split('/').pop()] ?? Object.values(bin)[0]),
  )
}

/**
 * Returns whether the child gets a Ctrl-C directly, because the terminal signals the whole
 * foreground group.
 */
function hasTerminal() {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

/**
 * Waits for a child. Calls `pass` with each signal that this process receives meanwhile. `sent` is
 * the last signal.
 */
function ended(child, pass) {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']
  let sent = null
  const listener = (signal) => {
    sent = signal
    pass(signal)
  }
  for (const signal of signals) process.on(signal, listener)
  return new Promise((resolve) => {
    const end = (result) => {
      for (const signal of signals) process.off(signal, listener)
      resolve(result)
    }
    child.on('error', (error) => end({ code: null, signal: null, sent, error }))
    child.on('exit', (code, signal) => end({ code, signal, sent }))
  })
}

/** The exit code of muster after a wrong argument. */
const WRONG_USAGE = 2

/** Returns the entries of a file of /proc that aren't UTF-8. Returns none if it can't be read. */
function notUtf8(file) {
  try {
    const text = readFileSync(file, 'latin1')
    const entries = text.split('\0').map((entry) => Buffer.from(entry, 'latin1'))
    return entries.filter((bytes) => !Buffer.from(bytes.toString()).equals(bytes))
  } catch {
    return []
  }
}

/**
 * Node replaces bytes that aren't UTF-8, so this process can't pass them on. It rejects such
 * arguments. It passes the names of such variables to the child (cli/program/given-bytes.ts), which
 * rejects them when a command reads them. package-bin.mjs has the same function.
 */
function checkBytes() {
  if (notUtf8('/proc/self/cmdline').length > 0) {
    console.error('muster: error: an argument is not valid UTF-8; nothing was done')
    process.exit(WRONG_USAGE)
  }
  const names = notUtf8('/proc/self/environ').map((entry) => entry.toString().split('=')[0])
  return names.length === 0 ? {} : { MUSTER_NOT_UTF8: names.join('=') }
}

const [what, ...args] = process.argv.slice(2)
const note = checkBytes()
if (what === undefined)
  fail('nothing to run', 'usage: node tools/run.mjs SCRIPT-OR-PACKAGE [ARGUMENT...]')
const development = what !== PROGRAM
if (!installed(development)) await install(development)
touch()
const node = findNode()
const path = [dirname(node), join(modules, '.bin'), process.env.PATH ?? ''].join(delimiter)
/**
 * The command line needs signal listeners before it is loaded. Other scripts need no preparation.
 */
const early = what === 'cli/main.ts' ? ['-r', join(root, 'cli', 'early-interrupt.cjs')] : []
const child = spawn(node, [...early, findScript(what), ...args], {
  stdio: 'inherit',
  env: { ...process.env, ...note, PATH: path },
})
const terminal = hasTerminal()
const { code, error, signal } = await ended(child, (sent) => {
  if (sent !== 'SIGINT' || !terminal) child.kill(sent)
})
if (error !== undefined)
  fail(
    `can't start ${node}: ${error.message}`,
    'this system may lack the C library that it needs; install Node 24',
  )
process.exit(code ?? 128 + constants.signals[signal])
