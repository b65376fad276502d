#!/usr/bin/env node
// The `muster` of the published package (there it is bin/muster.js): runs the command line under Node >= 24.12, the running one or the
// one that came as an optional dependency. Plain JavaScript, because the Node that starts it may be an old one.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = new URL('../cli/main.js', import.meta.url)
const [major, minor] = process.versions.node.split('.').map(Number)

/** The Node that npm installed with this package, if it did. */
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

/** Whether a Ctrl-C reaches the child by itself: the terminal signals the whole foreground group. As in tools/run.mjs, which is not in the package. */
function hasTerminal() {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

if (major > 24 || (major === 24 && minor >= 12)) {
  await import(main.href)
} else {
  const node = bundled()
  if (node === undefined) {
    console.error(`muster: error: Node 24.12 or newer is needed; this is ${process.version}`)
    console.error(
      'muster: hint: install Node 24, or this package with --include=optional on linux-x64 or linux-arm64',
    )
    process.exit(69)
  }
  const child = spawn(node, [fileURLToPath(main), ...process.argv.slice(2)], { stdio: 'inherit' })
  const terminal = hasTerminal()
  process.on('SIGINT', () => {
    if (!terminal) child.kill('SIGINT')
  })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) =>
    process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
  )
}
