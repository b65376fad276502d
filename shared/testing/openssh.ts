/**
 * Runs the real OpenSSH tools for tests: ssh-keygen and ssh-agent of openssh-client, in a temporary
 * folder that is removed after the test.
 */
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { systemClock } from '../clock.ts'

export interface TempFolder extends AsyncDisposable {
  readonly path: string
  file(name: string): string
}

export async function tempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), 'muster-test-'))
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

export interface ToolResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `ssh-keygen`, `ssh-add` or a similar tool to its end. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: { input?: string | Uint8Array; env?: NodeJS.ProcessEnv } = {},
): Promise<ToolResult> {
  const child = spawn(command, args, {
    env: { ...process.env, SSH_ASKPASS_REQUIRE: 'never', ...options.env },
  })
  // A tool that ends without reading its input breaks the pipe. Only its exit code matters.
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const closed = new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve).on('error', (error) => reject(unavailable(command, error)))
  })
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed])
  return { code, stdout, stderr }
}

/**
 * Fails with the package to install if OpenSSH is missing, because these tests compare Muster with
 * it.
 */
function unavailable(command: string, error: NodeJS.ErrnoException): Error {
  return error.code === 'ENOENT'
    ? new Error(`${command} is not installed; on Debian: apt-get install openssh-client`)
    : error
}

/** Creates a key file. The default is ed25519 without a passphrase. */
export async function makeKey(
  path: string,
  args: readonly string[] = [],
  passphrase = '',
): Promise<string> {
  const type = args.includes('-t') ? [] : ['-t', 'ed25519']
  const { code, stderr } = await runTool('ssh-keygen', [
    '-q',
    ...type,
    '-N',
    passphrase,
    '-C',
    'a comment',
    '-f',
    path,
    ...args,
  ])
  if (code !== 0) throw new Error(`ssh-keygen failed: ${stderr}`)
  return path
}

export interface RunningAgent extends AsyncDisposable {
  readonly socket: string
  add(keyFile: string): Promise<void>
}

/** The time limit for the start of an ssh-agent, which takes a few milliseconds. */
const START_MS = 10_000

function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

export async function startSshAgent(socket: string): Promise<RunningAgent> {
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  let failure: Error | undefined
  child.on('error', (error) => (failure = unavailable('ssh-agent', error)))
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const deadline = systemClock.monotonic() + START_MS
  // The socket exists a moment before the agent listens on it.
  while (!(existsSync(socket) && (await listens(socket)))) {
    if (failure !== undefined) throw failure
    if (systemClock.monotonic() > deadline || child.exitCode !== null)
      throw new Error('ssh-agent did not start')
    await systemClock.sleep(5)
  }
  return {
    socket,
    add: async (keyFile) => {
      const { code, stderr } = await runTool('ssh-add', ['-q', keyFile], {
        env: { SSH_AUTH_SOCK: socket },
      })
      if (code !== 0) throw new Error(`ssh-add failed: ${stderr}`)
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}
