/**
 * Starts the demo's fleet. Each node is a separate process with its own home and ends with the
 * demo.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectRunner } from '../../../agent/runner/socket/client.ts'
import { MusterError } from '../../../shared/errors.ts'
import { generateKey } from '../../../shared/identity/signer.ts'
import { saveKeyFile } from '../../../shared/identity/key-file.ts'
import type { CommandContext } from '../../program/handler.ts'
import { type Daemon, startDaemon } from './daemon.ts'

type Context = CommandContext<unknown, unknown>

export interface DemoAgent {
  readonly name: string
  /** The URL of its gateway. */
  readonly gateway: string
}

export interface DemoFleet extends AsyncDisposable {
  home(name: string): string
  /** Environment variables for a command on this home. Default: the coordinator's. */
  environment(home?: string): string[]
  /** Writes the coordinator's configuration: free ports on loopback, one repository. */
  configure(upstream: string): Promise<void>
  startCoordinator(): Promise<void>
  startAgent(name: string): Promise<void>
  /** The URL of the coordinator's web server. Empty before its start. */
  http(): string
  agents(): readonly DemoAgent[]
}

export async function openDemoFleet(context: Context, folder: string): Promise<DemoFleet> {
  const identity = join(folder, 'operator')
  await saveKeyFile(context, identity, generateKey(context, { comment: 'demo operator' }))
  const daemons: Daemon[] = []
  const agents: DemoAgent[] = []
  let http = ''
  const home = (name: string): string => join(folder, name)
  const environment = (name = 'coordinator'): string[] => [
    `MUSTER_HOME=${home(name)}`,
    `MUSTER_IDENTITY=${identity}`,
  ]
  /** Starts a node and resolves with the URL of its web server. */
  const start = async (name: string, words: readonly string[]): Promise<string> => {
    const env = processEnvironment(context, environment(name))
    const daemon = startDaemon(context, { name, words, env, log: join(folder, `${name}.log`) })
    daemons.push(daemon)
    const [, , url = ''] = await daemon.ready
    return url
  }
  return {
    home,
    environment,
    http: () => http,
    agents: () => agents,
    configure: (upstream) => configureCoordinator(home('coordinator'), upstream),
    async startCoordinator() {
      http = await start('coordinator', ['coordinator', 'run'])
    },
    async startAgent(name) {
      await configureAgent(home(name))
      agents.push({ name, gateway: await start(name, ['agent', 'run']) })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(daemons.map((daemon) => daemon.stop()))
      await Promise.all(agents.map(({ name }) => endRunner(context, home(name))))
    },
  }
}

async function configureCoordinator(home: string, upstream: string): Promise<void> {
  const folder = join(home, 'conf.d')
  await writeFile(
    join(folder, '00-demo.yaml'),
    'listen: ["/ip4/127.0.0.1/tcp/0"]\nhttp: { listen: "127.0.0.1:0" }\n',
  )
  await writeFile(
    join(folder, '10-demo.yaml'),
    `name: demo\ntype: rpm\nupstream: { url: "${upstream}" }\n`,
  )
}

async function configureAgent(home: string): Promise<void> {
  const folder = join(home, 'conf.d')
  await mkdir(folder, { recursive: true })
  await writeFile(
    join(folder, '00-demo.yaml'),
    'listen: ["/ip4/127.0.0.1/tcp/0"]\ngateway: { listen: "127.0.0.1:0" }\n',
  )
}

/**
 * The environment of a process of the demo. It has no variable that selects another coordinator or
 * the user's configuration.
 */
export function processEnvironment(context: Context, own: readonly string[]): NodeJS.ProcessEnv {
  const inherited = Object.entries(context.env).filter(
    ([name]) => !name.startsWith('MUSTER_') || name === 'MUSTER_BLAKE3',
  )
  const pair = (line: string): [string, string] => [
    line.slice(0, line.indexOf('=')),
    line.slice(line.indexOf('=') + 1),
  ]
  return Object.fromEntries([...inherited, ...own.map(pair)])
}

/** Runs outlive their agent. The runs of the demo are stopped with the demo. */
async function endRunner(context: Context, home: string): Promise<void> {
  try {
    const runner = await connectRunner(context, { home, spawnIfAbsent: false })
    await runner.shutdown({ stopRuns: true, graceMs: 1_000 })
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
  }
}
