// Launcher: `node tools/run.mjs SCRIPT-OR-PACKAGE [ARGUMENT...]`, under any Node >= 18. On first
// use, and whenever package-lock.json changed, it installs the dependencies: for the program itself
// those that it runs with, for everything else the development dependencies too. Then it runs the
// script under Node >= 24.12: the running one if it is new enough, else the one that comes as an
// optional dependency. The script's exit code is passed on. Plain JavaScript without dependencies,
// because it runs before anything is installed.
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
/** sysexits.h EX_UNAVAILABLE: what is needed to start at all is missing. */
const UNAVAILABLE = 69
/** The program, which needs no development dependencies. */
const PROGRAM = 'cli/main.ts'
/** Megabytes to download and on the disk, on linux-x64. tools/run.test.ts compares them. */
const SIZES = { program: { download: 95, disk: 280 }, all: { download: 230, disk: 620 } }

function fail(message, hint) {
  console.error(`muster: error: ${message}\nmuster: hint: ${hint}`)
  process.exit(UNAVAILABLE)
}

/**
 * Whether node_modules holds what package-lock.json says, `development` dependencies included or
 * not. Compares contents, not times: a fresh checkout gives every file the time of the checkout.
 * Packages that may be absent must not be different.
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

/**
 * bin/muster compares times because that costs nothing; this tells it that the contents were
 * compared.
 */
function touch() {
  try {
    const now = new Date()
    utimesSync(join(modules, '.package-lock.json'), now, now)
  } catch {
    // Another user's checkout: the comparison is repeated at each start, which costs a tenth of a
    // second.
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
 * Installs into a folder of this process's own, then renames its node_modules into place. So two
 * first uses at once can't mix their files, and one that is killed leaves a folder that nothing
 * reads and that the next install removes.
 */
async function install(development) {
  for (const name of readdirSync(root)) {
    const pid = /^\.install-(\d+)$/.exec(name)?.[1]
    if (pid === undefined || alive(Number(pid))) continue
    try {
      rmSync(join(root, name), { recursive: true, force: true })
    } catch {
      // Another user's, or its npm outlived it and still writes: it is in nobody's way, and a later
      // install removes it.
    }
  }
  const folder = join(root, `.install-${process.pid}`)
  const { download, disk } = development ? SIZES.all : SIZES.program
  console.error(
    `Installing dependencies from package-lock.json (about ${download} MB to download, ${disk} MB on disk) ...`,
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
  // Under `npm run` the outer npm describes the project in npm_* variables; the inner one must see
  // only what the user configured.
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
  // The npm that runs us, which need not be the first on the path. yarn and others set the variable
  // too, and know no `ci`.
  const npm = process.env.npm_execpath
  const own = npm?.endsWith('/npm-cli.js')
  const child = own
    ? spawn(process.execPath, [npm, ...command], options)
    : spawn('npm', command, options)
  // Outright, whatever the signal: npm would first wait for its downloads, then roll back a folder
  // that is removed anyway.
  const { code, error, sent } = await ended(child, () => child.kill('SIGKILL'))
  if (code !== 0) {
    rmSync(folder, { recursive: true, force: true })
    if (error !== undefined) fail(`can't start npm: ${error.message}`, 'install npm 10 or newer')
    if (sent !== null) process.exit(128 + constants.signals[sent])
    fail(
      '`npm ci` failed; its own words stand above',
      'check the network and the npm registry settings, then start again',
    )
  }
  try {
    if (existsSync(modules) && !installed(development)) renameSync(modules, join(folder, 'old'))
    // Crash here: no node_modules at all, so the next start installs again.
    renameSync(join(folder, 'node_modules'), modules)
  } catch (error) {
    // ENOTEMPTY, EEXIST: another first use was faster, and its files are as good as ours.
    if (!installed(development))
      fail(`can't put node_modules into place: ${error.message}`, `run \`npm ci\` in ${root}`)
  }
  rmSync(folder, { recursive: true, force: true })
}

/** The Node to run under: type stripping is stable since 24.12. */
function findNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 24 || (major === 24 && minor >= 12)) return process.execPath
  const bundled = join(modules, `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (existsSync(bundled)) return bundled
  return fail(
    `Node 24.12 or newer is needed; this is ${process.version} on ${process.platform}-${process.arch}`,
    'install Node 24, or `npm install --include=optional` on linux-x64 or linux-arm64',
  )
}

/**
 * A file of this project, or the command of an installed package: `typescript`, `@biomejs/biome`.
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
 * Whether a Ctrl-C reaches the child by itself: the terminal signals the whole foreground group.
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
 * Waits for a child. `pass` is called with each signal that this process is sent meanwhile; the
 * last one is `sent`.
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

/** What muster ends with after a wrong argument. */
const WRONG_USAGE = 2

/** Entries of a file of /proc that aren't UTF-8; none where it can't be read. */
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
 * Node replaces bytes that aren't UTF-8, so this process can't pass them on. It refuses such
 * arguments, and names such variables to the child (cli/program/given-bytes.ts), which refuses them
 * when a command reads them. As in package-bin.mjs.
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
/** The command line listens for signals before it is loaded; other scripts need no preparation. */
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
