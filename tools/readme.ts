/**
 * Runs the command blocks of a Markdown page like a reader: real commands in a temporary folder,
 * with a home and an SSH key for each host of the page. Names below `.example` and the default
 * ports become free loopback ports. Mirrored repositories at http://packages.example are a small
 * real repository. An `export` applies to later commands of the host. Fails if a command fails or
 * its output differs from the page.
 *
 * usage: node tools/run.mjs tools/readme.ts [FILE]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join, relative } from 'node:path'
import { startUpstream, type Upstream } from '../cli/commands/demo/upstream.ts'
import { systemClock } from '../shared/clock.ts'
import { defined } from '../shared/defined.ts'
import { saveKeyFile } from '../shared/identity/key-file.ts'
import { formatPublicKeyLine } from '../shared/identity/public-key.ts'
import { generateKey } from '../shared/identity/signer.ts'
import { systemRandom } from '../shared/random.ts'
import { type Block, type Command, difference, readBlocks } from './readme-blocks.ts'

const root = join(import.meta.dirname, '..')
/** The time limits for a daemon to print `ready`, and to end. */
const READY_MS = 30_000
const STOP_MS = 10_000
/** The maximum output. Commands of a page print little, so more output is an error. */
const MAX_OUTPUT = 1024 * 1024
const PORTS = [8470, 8480, 8481]
/** The address of mirrored repositories. Every folder there is the sample repository. */
const UPSTREAM = /http:\/\/packages\.example\/[\w-]+\//g
/** The default home of a node, so that a page can write into it. */
const HOME = '.local/share/muster'

export interface Outcome {
  readonly line: number
  readonly command: string
  /** Undefined if the output matches the page. */
  readonly problem?: string
  readonly output: string
}

interface World {
  readonly folder: string
  readonly ports: Map<string, number>
  /** All output so far. A word that the page shortens with `…` is searched here, newest first. */
  printed: string
  readonly daemons: ChildProcess[]
  /** The exported variables of each host. */
  readonly exported: Map<string, Record<string, string>>
  upstream?: Promise<Upstream>
}

/**
 * Runs all blocks in order and stops at the first problem. `muster` on the path is this clone's.
 */
export async function runPage(
  page: string,
  report: (outcome: Outcome) => void = () => undefined,
): Promise<Outcome[]> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-readme-'))
  const world: World = { folder, ports: new Map(), printed: '', daemons: [], exported: new Map() }
  const outcomes: Outcome[] = []
  try {
    mkdirSync(join(world.folder, 'bin'))
    symlinkSync(join(root, 'bin/muster'), join(world.folder, 'bin/muster'))
    for await (const outcome of runBlocks(world, readBlocks(page))) {
      outcomes.push(outcome)
      report(outcome)
      if (outcome.problem !== undefined) return outcomes
    }
    return outcomes
  } finally {
    await Promise.all(world.daemons.map(stop))
    await (await world.upstream)?.[Symbol.asyncDispose]()
    // A runner continues after its agent ended. It ends when its home is removed.
    rmSync(world.folder, { recursive: true, force: true })
  }
}

const isInstalled = (program: string): boolean =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => folder !== '' && existsSync(join(folder, program)))

/** Returns the outcome of each command of the blocks whose programs are installed. */
async function* runBlocks(world: World, blocks: readonly Block[]): AsyncGenerator<Outcome> {
  for (const block of blocks) {
    const { skip, needs } = block
    if (skip === undefined && (needs === undefined || isInstalled(needs)))
      yield* runBlock(world, block)
  }
}

/**
 * Returns the outcome of each command. The last outcome includes the difference of the block's
 * output.
 */
async function* runBlock(world: World, block: Block): AsyncGenerator<Outcome> {
  let output = ''
  for (const command of block.commands) {
    const outcome = await runCommand(world, block, command)
    output += outcome.output
    const problem =
      outcome.problem ??
      (command === block.commands.at(-1) ? difference(block.expected, output) : undefined)
    yield problem === undefined ? outcome : { ...outcome, output, problem }
  }
}

async function runCommand(world: World, block: Block, command: Command): Promise<Outcome> {
  const home = await hostHome(world, block.host)
  const text = await translate(world, block.host, command.text)
  const exported = /^export ([A-Z_]+)=(\S*)$/.exec(text)
  if (exported !== null) {
    world.exported.set(block.host, {
      ...world.exported.get(block.host),
      [exported[1] as string]: exported[2] as string,
    })
    return { line: command.line, command: command.text, output: '' }
  }
  // NODE_TEST_CONTEXT is removed because the commands aren't tests, also if a test runs the page.
  // MUSTER_* is removed because the user may have a fleet.
  const inherited = Object.entries(process.env).filter(
    ([name]) => name !== 'NODE_TEST_CONTEXT' && !name.startsWith('MUSTER_'),
  )
  const env = {
    ...Object.fromEntries(inherited),
    HOME: home,
    MUSTER_HOME: join(home, HOME),
    PATH: `${join(world.folder, 'bin')}:${process.env.PATH}`,
    SSH_AUTH_SOCK: '',
    NO_COLOR: '1',
    ...world.exported.get(block.host),
  }
  // One stream for stdout and stderr keeps results and notes in order, like on a terminal.
  const child = spawn('bash', ['-c', `exec 2>&1\n${text}`], {
    cwd: block.clone ? root : join(home, 'work'),
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  const daemon = block.background && command === block.commands.at(-1)
  let output = ''
  // The end of the program, its `ready` line or the time limit settles this promise.
  const first = Promise.withResolvers<number | null | 'ready' | 'too long'>()
  child.on('close', first.resolve)
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output = (output + chunk).slice(-MAX_OUTPUT)
    if (daemon && /^ready/m.test(output)) first.resolve('ready')
  })
  if (daemon) world.daemons.push(child)
  const cancel = systemClock.after(daemon ? READY_MS : block.timeoutMs, () =>
    first.resolve('too long'),
  )
  const result = await first.promise
  cancel()
  if (result === 'too long') await stop(child)
  await quieten(world, block.host)
  world.printed += `${output}\n`
  const problem = problemOf(result, daemon)
  return defined({ line: command.line, command: command.text, output, problem })
}

function problemOf(
  result: number | null | 'too long' | 'ready',
  daemon: boolean,
): string | undefined {
  if (result === 'too long') return daemon ? 'it did not print ready' : 'it did not end in time'
  if (daemon && result !== 'ready') return `it ended with ${result} instead of becoming ready`
  return typeof result === 'number' && result !== 0 ? `it exited with ${result}` : undefined
}

/** Creates the home of a host's user, with an SSH key. */
async function hostHome(world: World, host: string): Promise<string> {
  const home = join(world.folder, host)
  if (existsSync(home)) return home
  mkdirSync(join(home, 'work'), { recursive: true })
  mkdirSync(join(home, '.ssh'), { mode: 0o700 })
  const deps = { random: systemRandom }
  const key = generateKey(deps, { comment: `you@${host}` })
  await saveKeyFile(deps, join(home, '.ssh/id_ed25519'), key)
  writeFileSync(
    join(home, '.ssh/id_ed25519.pub'),
    `${formatPublicKeyLine(key.publicKey, key.comment)}\n`,
  )
  return home
}

/** Returns the command to execute, with expanded words and with hosts and ports on the loopback. */
async function translate(world: World, host: string, text: string): Promise<string> {
  const words = world.printed.split(/\s+/).reverse()
  let translated = text.replace(
    /([\w./:@-]+)…/g,
    (whole, prefix: string) =>
      words.find((word) => word.startsWith(prefix) && word.length > prefix.length) ?? whole,
  )
  for (const [whole, name = host, port = ''] of translated.matchAll(
    /\b(?:([a-z0-9-]+)\.example|127\.0\.0\.1|localhost):(\d{4})\b/g,
  )) {
    if (PORTS.includes(Number(port)))
      translated = translated.replace(whole, `127.0.0.1:${await portOf(world, name, Number(port))}`)
  }
  if (translated.search(UPSTREAM) >= 0) {
    world.upstream ??= startUpstream({ clock: systemClock }, join(world.folder, 'upstream'))
    const { url } = await world.upstream
    translated = translated.replaceAll(UPSTREAM, url)
  }
  return translated
}

async function portOf(world: World, host: string, port: number): Promise<number> {
  const key = `${host}:${port}`
  const known = world.ports.get(key)
  if (known !== undefined) return known
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const free = (server.address() as AddressInfo).port
  await new Promise((resolve) => server.close(resolve))
  world.ports.set(key, free)
  return free
}

/** Sets separate ports for a new home, so that several hosts fit on this machine. */
async function quieten(world: World, host: string): Promise<void> {
  const home = join(world.folder, host, HOME)
  const fragment = join(home, 'conf.d/99-readme.yaml')
  if (!existsSync(join(home, 'config.yaml')) || existsSync(fragment)) return
  const [node, http, gateway] = await Promise.all(PORTS.map((port) => portOf(world, host, port)))
  mkdirSync(join(home, 'conf.d'), { recursive: true })
  writeFileSync(
    fragment,
    [
      `listen: ["/ip4/127.0.0.1/tcp/${node}"]`,
      `http: { listen: "127.0.0.1:${http}" }`,
      `gateway: { listen: "127.0.0.1:${gateway}" }`,
      '',
    ].join('\n'),
  )
}

/** Ends a command and its children. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.on('close', resolve))
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-(child.pid as number), name)
    } catch {
      // It has ended already.
    }
  }
  signal('SIGTERM')
  const cancel = systemClock.after(STOP_MS, () => signal('SIGKILL'))
  await ended
  cancel()
}

if (import.meta.main) {
  const file = process.argv[2] ?? join(root, 'README.md')
  const outcomes = await runPage(
    readFileSync(file, 'utf8'),
    ({ line, command, problem, output }) => {
      const place = `${relative(process.cwd(), file)}:${line}`
      console.log(`${problem === undefined ? 'ok  ' : 'FAIL'} ${place} ${command}`)
      if (problem !== undefined)
        console.log(`     ${problem}; it printed:\n${output.replace(/^/gm, '     ')}`)
    },
  )
  process.exitCode = outcomes.some(({ problem }) => problem !== undefined) ? 1 : 0
}
