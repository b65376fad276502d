/**
 * The demo's fleet: daemons as processes of this same program, each with a home of its own, all
 * ended with the demo.
 */
import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectRunner } from '../../../agent/runner/socket/client.ts'
import { MusterError } from '../../../shared/errors.ts'
import { generateKey } from '../../../shared/identity/signer.ts'
import { saveKeyFile } from '../../../shared/identity/key-file.ts'
import type { CommandContext } from '../../program/handler.ts'
import { demoError } from './scratch.ts'

/** From start to `ready`, on a machine that is busy with the rest of the fleet. */
const READY_MS = 60_000
/** From SIGTERM to SIGKILL. */
const STOP_MS = 5_000
const LOG_LINES = 15

export interface DemoAgent {
  readonly name: string
  /** Where its gateway serves. */
  readonly gateway: string
}

export interface DemoFleet extends AsyncDisposable {
  home(name: string): string
  /** What the commands of the tour need in their environment. */
  environment(home?: string): string[]
  /** Writes the coordinator's configuration: free ports on loopback, one repository. */
  configure(upstream: string): Promise<void>
  startCoordinator(): Promise<void>
  startAgent(name: string): Promise<void>
  http(): string
  agents(): readonly DemoAgent[]
}

export async function openDemoFleet(
  context: CommandContext<unknown, unknown>,
  folder: string,
): Promise<DemoFleet> {
  const identity = join(folder, 'operator')
  await saveKeyFile(context, identity, generateKey(context, { comment: 'demo operator' }))
  const home = (name: string): string => join(folder, name)
  const daemons: { stop(): Promise<void> }[] = []
  const agents: DemoAgent[] = []
  let http = ''

  const environment = (name = 'coordinator'): string[] => [
    `MUSTER_HOME=${home(name)}`,
    `MUSTER_IDENTITY=${identity}`,
  ]

  const start = async (name: string, words: readonly string[]): Promise<string[]> => {
    const daemon = startDaemon(context, {
      name,
      words,
      env: processEnvironment(context, environment(name)),
      log: join(folder, `${name}.log`),
    })
    daemons.push(daemon)
    return daemon.ready
  }

  return {
    home,
    environment,
    http: () => http,
    agents: () => agents,
    async configure(upstream) {
      const conf = join(home('coordinator'), 'conf.d')
      await writeFile(
        join(conf, '00-demo.yaml'),
        'listen: ["/ip4/127.0.0.1/tcp/0"]\nhttp: { listen: "127.0.0.1:0" }\n',
      )
      await writeFile(
        join(conf, '10-demo.yaml'),
        `name: demo\ntype: rpm\nupstream: { url: "${upstream}" }\n`,
      )
    },
    async startCoordinator() {
      const [, , url] = await start('coordinator', ['coordinator', 'run'])
      http = url as string
    },
    async startAgent(name) {
      const conf = join(home(name), 'conf.d')
      await mkdir(conf, { recursive: true })
      await writeFile(
        join(conf, '00-demo.yaml'),
        'listen: ["/ip4/127.0.0.1/tcp/0"]\ngateway: { listen: "127.0.0.1:0" }\n',
      )
      const [, , gateway] = await start(name, ['agent', 'run'])
      agents.push({ name, gateway: gateway as string })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(daemons.map((daemon) => daemon.stop()))
      await Promise.all(agents.map(({ name }) => endRunner(context, home(name))))
    },
  }
}

/**
 * The environment of a process of the demo: nothing of it may lead to a coordinator or a
 * configuration of the user's own.
 */
export function processEnvironment(
  context: CommandContext<unknown, unknown>,
  own: readonly string[],
): NodeJS.ProcessEnv {
  const inherited = Object.entries(context.env).filter(
    ([name]) => !name.startsWith('MUSTER_') || name === 'MUSTER_BLAKE3',
  )
  const pair = (line: string): [string, string] => [
    line.slice(0, line.indexOf('=')),
    line.slice(line.indexOf('=') + 1),
  ]
  return Object.fromEntries([...inherited, ...own.map(pair)])
}

/** Runs outlive their agent by design; the demo's must not outlive the demo. */
async function endRunner(context: CommandContext<unknown, unknown>, home: string): Promise<void> {
  try {
    const runner = await connectRunner(context, { home, spawnIfAbsent: false })
    await runner.shutdown({ stopRuns: true, graceMs: 1_000 })
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
  }
}

interface Daemon {
  /** The words of its `ready` line. */
  readonly ready: Promise<string[]>
  stop(): Promise<void>
}

function startDaemon(
  context: CommandContext<unknown, unknown>,
  options: { name: string; words: readonly string[]; env: NodeJS.ProcessEnv; log: string },
): Daemon {
  const log = createWriteStream(options.log)
  const child = spawn(process.execPath, [process.argv[1] as string, ...options.words], {
    env: options.env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const failed = async (): Promise<never> => {
    const lines = (await readFile(options.log, 'utf8').catch(() => '')).trimEnd().split('\n')
    throw demoError('demo.not-ready', {
      what: options.name,
      log: lines.slice(-LOG_LINES).join('\n'),
    })
  }
  const ready = new Promise<string[]>((resolve, reject) => {
    let text = ''
    const cancel = context.clock.after(READY_MS, () => void failed().catch(reject))
    child.stderr.on('data', (chunk: Buffer) => {
      log.write(chunk)
      // Only what stands before `ready` is kept.
      if (text === '-') return
      text += chunk.toString()
      const line = /^ready .*$/m.exec(text)?.[0]
      if (line === undefined) return
      text = '-'
      cancel()
      resolve(line.split(' '))
    })
    void ended.then(() => {
      cancel()
      failed().catch(reject)
    })
  })
  ready.catch(() => undefined)
  return {
    ready,
    async stop() {
      child.kill('SIGTERM')
      const cancel = context.clock.after(STOP_MS, () => child.kill('SIGKILL'))
      await ended
      cancel()
      log.end()
    },
  }
}
