/**
 * Starts a fleet of real processes for scenarios: a coordinator and agents of this clone, each with
 * a home in a temporary folder, on free loopback ports. Disposal ends all processes, including
 * runners, and removes the folder. Errors of commands and daemons contain their output.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectRunner } from '../../agent/runner/socket/client.ts'
import { sampleRepository } from '../../fixtures/rpm/sample.ts'
import { resolveInFolder } from '../../node/http/folder.ts'
import { listen } from '../../node/http/listen.ts'
import { respond } from '../../node/http/respond.ts'
import { systemClock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import { saveKeyFile } from '../../shared/identity/key-file.ts'
import { formatPublicKeyLine } from '../../shared/identity/public-key.ts'
import { generateKey } from '../../shared/identity/signer.ts'
import { silentLogger } from '../../shared/logger.ts'
import { systemRandom } from '../../shared/random.ts'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'muster')
const deps = { clock: systemClock, random: systemRandom }

/** The time limit of a start on a busy machine. */
const READY_MS = 180_000
const STOP_MS = 10_000
/** Time between two checks of a condition. */
const AGAIN_MS = 50
const WITHIN_MS = 120_000

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** The node whose home the command uses. Default: the coordinator. */
  readonly home?: string
  /** Key file of the operator. Default: the fleet's. */
  readonly identity?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The file size limit. A write beyond it fails half-way, as on a full disk. */
  readonly fileBytes?: number
}

export interface Daemon {
  readonly pid: number
  /** The words of the daemon's `ready` line. */
  readonly ready: readonly string[]
  log(): Promise<string>
  /** Sends the signal and waits for the end of the process. Default: SIGTERM. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

export interface Fleet extends AsyncDisposable {
  readonly folder: string
  /** The URL of the sample repository, on a web server of the test. */
  readonly upstream: string
  path(...parts: string[]): string
  /**
   * Creates an SSH key. Returns the path of the private half; the public half is beside it as
   * `.pub`.
   */
  key(name: string): Promise<string>
  /** Returns the environment of commands. */
  environment(options?: RunOptions): NodeJS.ProcessEnv
  muster(args: readonly string[], options?: RunOptions): Promise<Ended>
  /**
   * Runs a command like muster(), but rejects unless it exits with 0. Returns stdout without the
   * last line end.
   */
  ok(args: readonly string[], options?: RunOptions): Promise<string>
  configure(name: string, file: string, text: string): Promise<void>
  coordinator(): Promise<Daemon>
  /** Enrols an agent and starts it, optionally through another program that executes it. */
  agent(name: string, labels?: readonly string[], through?: readonly string[]): Promise<Daemon>
  /** Starts a daemon on an existing home, optionally through another program that executes it. */
  start(name: string, words: readonly string[], through?: readonly string[]): Promise<Daemon>
}

export async function startFleet(
  options: { coordinator?: boolean; agents?: number } = {},
): Promise<Fleet> {
  return owned(async (stack) => {
    const folder = await temporaryFolder(stack)
    const upstream = join(folder, 'upstream')
    await sampleRepository(upstream)
    const url = await serveFolder(stack, upstream)
    const fleet = openFleet(stack, { folder, upstream: url })
    await fleet.key('operator')
    await fleet.ok(['init', '--fleet', 'test'])
    await fleet.configure(
      'coordinator',
      '00-test.yaml',
      'listen: ["/ip4/127.0.0.1/tcp/0"]\nhttp: { listen: "127.0.0.1:0" }\n',
    )
    await fleet.configure(
      'coordinator',
      '10-sample.yaml',
      `name: sample\ntype: rpm\nupstream: { url: "${url}" }\n`,
    )
    if (options.coordinator !== false) await fleet.coordinator()
    for (let number = 1; number <= (options.agents ?? 0); number++)
      await fleet.agent(`a${number}`, [`number=${number}`])
    return fleet
  })
}

/** Disposes of the stack if the start fails. Otherwise the owner of the fleet disposes of it. */
export async function owned<T>(start: (stack: AsyncDisposableStack) => Promise<T>): Promise<T> {
  const stack = new AsyncDisposableStack()
  try {
    return await start(stack)
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

export async function temporaryFolder(stack: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-e2e-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Serves a folder on a free loopback port. Returns its URL, with a final slash. */
export async function serveFolder(stack: AsyncDisposableStack, folder: string): Promise<string> {
  const resolve = (segments: readonly string[]) => resolveInFolder(folder, segments, {})
  const server = await listen(
    deps,
    { listen: '127.0.0.1:0' },
    (request, response) => void respond({ log: silentLogger, resolve }, request, response),
  )
  stack.defer(() => server.close())
  return `${server.url}/`
}

/** Manages the homes in a folder and their processes. The stack ends the processes. */
export function openFleet(
  stack: AsyncDisposableStack,
  options: {
    readonly folder: string
    readonly upstream: string
    /** The program of another clone. Default: this clone's. */
    readonly program?: string
    /** Environment variables for each process. */
    readonly env?: Readonly<Record<string, string>>
  },
): Fleet {
  const { folder, program = BIN } = options
  const path = (...parts: string[]): string => join(folder, ...parts)
  const homes = new Set<string>()
  stack.defer(() =>
    Promise.all([...homes].map((name) => endRunner(path(name)))).then(() => undefined),
  )
  const environment = (more: RunOptions = {}): NodeJS.ProcessEnv => ({
    PATH: process.env['PATH'],
    HOME: folder,
    MUSTER_HOME: path(more.home ?? 'coordinator'),
    MUSTER_IDENTITY: more.identity ?? path('operator'),
    ...options.env,
    ...more.env,
  })
  const fleet: Fleet = {
    folder,
    upstream: options.upstream,
    path,
    async key(name) {
      const made = generateKey(deps, { comment: name })
      await saveKeyFile(deps, path(name), made)
      await writeFile(path(`${name}.pub`), `${formatPublicKeyLine(made.publicKey, name)}\n`)
      return path(name)
    },
    environment,
    muster: (args, more = {}) => run([program, ...args], environment(more), more.fileBytes),
    async ok(args, more = {}) {
      const { code, stdout, stderr } = await fleet.muster(args, more)
      if (code !== 0)
        throw new Error(`muster ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`)
      return stdout.trimEnd()
    },
    async configure(name, file, text) {
      await mkdir(path(name, 'conf.d'), { recursive: true })
      await writeFile(path(name, 'conf.d', file), text)
    },
    async start(name, words, through = []) {
      homes.add(name)
      const daemon = await startDaemon(
        [...through, program, ...words],
        environment({ home: name }),
        path(`${name}.log`),
      )
      stack.defer(() => daemon.stop().then(() => undefined))
      return daemon
    },
    coordinator: () => fleet.start('coordinator', ['coordinator', 'run']),
    async agent(name, labels = [], through = []) {
      const flags = labels.flatMap((label) => ['--label', label])
      const token = await fleet.ok(['enroll', 'token', '--approve', ...flags])
      await fleet.ok(['agent', 'join', token, '--name', name], { home: name })
      await fleet.configure(
        name,
        '00-test.yaml',
        'listen: ["/ip4/127.0.0.1/tcp/0"]\ngateway: { listen: "127.0.0.1:0" }\n',
      )
      return fleet.start(name, ['agent', 'run'], through)
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
  return fleet
}

/** Polls until the condition is true and returns its value. Rejects after a time limit. */
export async function within<T>(
  condition: () => Promise<T | undefined | false>,
  what: string,
): Promise<T> {
  const deadline = systemClock.monotonic() + WITHIN_MS
  for (;;) {
    const value = await condition()
    if (value !== undefined && value !== false) return value
    if (systemClock.monotonic() > deadline)
      throw new Error(`${what} did not happen within ${WITHIN_MS / 1000} seconds`)
    await systemClock.sleep(AGAIN_MS)
  }
}

async function endRunner(home: string): Promise<void> {
  try {
    const runner = await connectRunner(deps, { home, spawnIfAbsent: false })
    await runner.shutdown({ stopRuns: true, graceMs: 1_000 })
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
  }
}

function run(
  line: readonly string[],
  env: NodeJS.ProcessEnv,
  fileBytes: number | undefined,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const limit = fileBytes === undefined ? [] : ['prlimit', `--fsize=${fileBytes}`]
    const [program, ...words] = [...limit, ...line] as [string, ...string[]]
    const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const [out, err]: [Buffer[], Buffer[]] = [[], []]
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.once('error', reject)
    child.once('close', (code, signal) =>
      resolve({
        code: code ?? (signal === null ? -1 : -2),
        stdout: Buffer.concat(out).toString('latin1'),
        stderr: Buffer.concat(err).toString(),
      }),
    )
  })
}

async function startDaemon(
  line: readonly string[],
  env: NodeJS.ProcessEnv,
  logFile: string,
): Promise<Daemon> {
  const log = createWriteStream(logFile, { flags: 'a' })
  const [program, ...words] = line as [string, ...string[]]
  const child: ChildProcess = spawn(program, words, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<number | null>((resolve) =>
    child.once('close', (code) => resolve(code)),
  )
  const read = (): Promise<string> => readFile(logFile, 'utf8').catch(() => '')
  const ready = await new Promise<string[]>((resolve, reject) => {
    let text = ''
    const fail = (what: string): void => {
      // If the wait fails, the daemon is stopped.
      child.kill('SIGKILL')
      reject(new Error(`${line.join(' ')} ${what}\n${text.slice(-4000)}`))
    }
    const cancel = systemClock.after(READY_MS, () => fail('was not ready in time'))
    child.stderr?.on('data', (chunk: Buffer) => {
      log.write(chunk)
      text = `${text}${chunk.toString()}`.slice(-20_000)
      const line = /^ready .*$/m.exec(text)?.[0]
      if (line === undefined) return
      cancel()
      resolve(line.split(' '))
    })
    void ended.then((code) => {
      cancel()
      fail(`ended with ${code}`)
    })
  })
  return {
    pid: child.pid as number,
    ready,
    log: read,
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      const cancel = systemClock.after(STOP_MS, () => child.kill('SIGKILL'))
      const code = await ended
      cancel()
      log.end()
      return code
    },
  }
}
