#!/usr/bin/env node
// The `muster` of the published package (bin/muster.js there). It runs the command line with Node
// >= 24.12: the running one or the one from the optional dependency. It is plain JavaScript,
// because an old Node may start it.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = new URL('../cli/main.js', import.meta.url)
const early = new URL('../cli/early-interrupt.cjs', import.meta.url)
const [major, minor] = process.versions.node.split('.').map(Number)

/** Returns the Node that npm installed with this package, if any. */
function bundled() {
  try {
    const manifest = createRequire(import.meta.url).resolve(
      `node-${process.platform}-${process.arch}/package.json`,
    )
    const node = join(dirname(manifest), 'bin', 'node')
    return existsSync(node) ? node : undefined
  } catch {
    return undefined
  }
}

/**
 * Returns whether the child gets a Ctrl-C directly, because the terminal signals the whole
 * foreground group. tools/run.mjs has the same function, but isn't in the package.
 */
function hasTerminal() {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

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
 * arguments. It passes the names of such variables to the child, which rejects them when a command
 * reads them. tools/run.mjs has the same function.
 */
function checkBytes() {
  if (notUtf8('/proc/self/cmdline').length > 0) {
    console.error('muster: error: an argument is not valid UTF-8; nothing was done')
    process.exit(2)
  }
  const names = notUtf8('/proc/self/environ').map((entry) => entry.toString().split('=')[0])
  return names.length === 0 ? {} : { MUSTER_NOT_UTF8: names.join('=') }
}

if (major > 24 || (major === 24 && minor >= 12)) {
  createRequire(import.meta.url)(fileURLToPath(early))
  await import(main.href)
} else {
  const node = bundled()
  if (node === undefined) {
    console.error(`muster: error: Node 24.12 or newer is needed; this is ${process.version}`)
    console.error(
      'muster: hint: install Node 24, ' +
        'or this package with --include=optional on linux-x64 or linux-arm64',
    )
    process.exit(69)
  }
  const child = spawn(
    node,
    ['-r', fileURLToPath(early), fileURLToPath(main), ...process.argv.slice(2)],
    {
      stdio: 'inherit',
      env: { ...process.env, ...checkBytes() },
    },
  )
  const terminal = hasTerminal()
  process.on('SIGINT', () => {
    if (!terminal) child.kill('SIGINT')
  })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) =>
    process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
  )
}
