/** Sends Ctrl-C and SIGTERM during the start of a command, through the real launcher. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { systemClock } from '../shared/clock.ts'

const BIN = join(import.meta.dirname, '..', 'bin', 'muster')
const SIGNALS = [
  ['SIGINT', 130, 'interrupted'],
  ['SIGTERM', 143, 'terminated'],
] as const

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

function begin(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { pid: number; ended: Promise<Ended> } {
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
    })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, ...text }))
  })
  return { pid: child.pid as number, ended }
}

test('CC-05: an interrupt while Node loads gives one line and exit code 130 or 143', async () => {
  for (const [signal, exit, word] of SIGNALS)
    for (const args of [['version'], ['completion', 'bash']]) {
      // This code runs after the launcher's preparation and before cli/main.ts is loaded.
      const code = encodeURIComponent(`process.kill(process.pid, '${signal}')`)
      const { ended } = begin(BIN, args, { NODE_OPTIONS: `--import=data:text/javascript,${code}` })
      assert.deepEqual(await ended, {
        code: exit,
        signal: null,
        stdout: '',
        stderr: `muster: error: ${word}\n`,
      })
    }
})

test('CC-05: an interrupt while the shell finds Node gives one line and 130 or 143', async (t) => {
  const folder = await temporary(t)
  const link = join(folder, 'muster')
  await symlink(BIN, link)
  for (const [signal, exit, word] of SIGNALS) {
    // The launcher follows the link with readlink(1). This readlink interrupts the launcher.
    const stub = join(folder, 'readlink')
    await writeFile(stub, `#!/bin/sh\nkill -${signal.slice(3)} "$PPID"\n`)
    await chmod(stub, 0o755)
    const { ended } = begin(link, ['version'], { PATH: `${folder}:${process.env['PATH']}` })
    const { code, stderr, stdout } = await ended
    assert.deepEqual([code, stdout, stderr], [exit, '', `muster: error: ${word}\n`])
  }
})

test('CC-05: an interrupt during the start prints one error and no result', async () => {
  // The signals are sent at equal steps over the duration of one start.
  const started = systemClock.monotonic()
  assert.equal((await begin(BIN, ['version']).ended).code, 0)
  const takes = systemClock.monotonic() - started
  for (const [signal, exit, word] of SIGNALS)
    for (let step = 0; step < STEPS; step += 1) {
      const { pid, ended } = begin(BIN, ['version'])
      await systemClock.sleep((takes * step) / STEPS)
      const sent = kill(pid, signal)
      const { code, signal: raw, stdout, stderr } = await ended
      if (code === exit) assert.match(stderr, new RegExp(`^muster: error: ${word}.*\n$`))
      // Node is starting. No code of Muster has run, and nothing was done.
      else if (raw === signal) assert.deepEqual([stdout, stderr], ['', ''])
      else assert.deepEqual([code, stderr, sent], [0, '', sent])
    }
})

/** The number of interrupted starts for each signal. */
const STEPS = 20

function kill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-early-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
