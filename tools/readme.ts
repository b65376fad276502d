/**
 * Runs the console blocks of a Markdown page as a reader would: real commands in a temporary folder, each host of the page with a home of its
 * own on this machine, names below `.example` and the default ports led to free ports of the loopback. Fails where a command fails or
 * prints something else than the page says.
 *
 * usage: node tools/run.mjs tools/readme.ts [FILE]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { systemClock } from '../shared/clock.ts'
import { type Block, type Command, difference, readBlocks } from './readme-blocks.ts'

const root = join(import.meta.dirname, '..')
/** How long a daemon may take to say `ready`, and to end. */
const READY_MS = 30_000
const STOP_MS = 10_000
/** A command of a page prints little; more than this is a runaway. */
const MAX_OUTPUT = 1024 * 1024
const PORTS = [8470, 8480, 8481]

export interface Outcome {
  readonly line: number
  readonly command: string
  /** Undefined if it went as the page says. */
  readonly problem?: string
  readonly output: string
}

interface World {
  readonly folder: string
  readonly ports: Map<string, number>
  /** What was printed so far: words that the page shortens with `…` are looked up here, newest first. */
  printed: string
  readonly daemons: ChildProcess[]
}

/** Runs every block in order and stops at the first problem. `muster` on the path is this clone's. */
export async function runPage(page: string, report: (outcome: Outcome) => void = () => undefined): Promise<Outcome[]> {
  const world: World = { folder: mkdtempSync(join(tmpdir(), 'muster-readme-')), ports: new Map(), printed: '', daemons: [] }
  const outcomes: Outcome[] = []
  try {
    mkdirSync(join(world.folder, 'bin'))
    symlinkSync(join(root, 'bin/muster'), join(world.folder, 'bin/muster'))
    for (const block of readBlocks(page).filter(({ skip }) => skip === undefined)) {
      for (const command of block.commands) {
        const outcome = await runCommand(world, block, command)
        outcomes.push(outcome)
        report(outcome)
        if (outcome.problem !== undefined) return outcomes
      }
    }
    return outcomes
  } finally {
    await Promise.all(world.daemons.map(stop))
    rmSync(world.folder, { recursive: true, force: true })
  }
}

async function runCommand(world: World, block: Block, command: Command): Promise<Outcome> {
  const home = join(world.folder, block.host)
  mkdirSync(join(home, 'work'), { recursive: true })
  const text = await translate(world, block.host, command.text)
  // NODE_TEST_CONTEXT: a test of ours may be running this page, and what it runs are no tests.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
  const env = {
    ...inherited,
    HOME: home,
    MUSTER_HOME: join(home, 'home'),
    PATH: `${join(world.folder, 'bin')}:${process.env.PATH}`,
    SSH_AUTH_SOCK: '',
    NO_COLOR: '1',
  }
  const child = spawn('bash', ['-c', text], {
    cwd: block.clone ? root : join(home, 'work'),
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  const ready = Promise.withResolvers<void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output = (output + chunk).slice(-MAX_OUTPUT)
      if (/^ready/m.test(output)) ready.resolve()
    })
  }
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const daemon = block.background && command === block.commands.at(-1)
  if (daemon) world.daemons.push(child)
  const limit = Promise.withResolvers<'too long'>()
  const cancel = systemClock.after(daemon ? READY_MS : block.timeoutMs, () => limit.resolve('too long'))
  const result = await Promise.race([ended, limit.promise, ...(daemon ? [ready.promise.then(() => 'ready' as const)] : [])])
  cancel()
  if (result === 'too long') await stop(child)
  await quieten(world, block.host)
  world.printed += `${output}\n`
  const problem = problemOf(result, daemon, command, output)
  return { line: command.line, command: command.text, output, ...(problem === undefined ? {} : { problem }) }
}

function problemOf(result: number | null | 'too long' | 'ready', daemon: boolean, command: Command, output: string): string | undefined {
  if (result === 'too long') return daemon ? 'it did not say that it is ready' : 'it did not end in time'
  if (daemon && result !== 'ready') return `it ended with ${result} instead of becoming ready`
  if (typeof result === 'number' && result !== 0) return `it exited with ${result}`
  return difference(command.expected, output)
}

/** What the page types, as it must be typed here: shortened words in full, hosts and ports on the loopback. */
async function translate(world: World, host: string, text: string): Promise<string> {
  const words = world.printed.split(/\s+/).reverse()
  let translated = text.replace(
    /([\w./:@-]+)…/g,
    (whole, prefix: string) => words.find((word) => word.startsWith(prefix) && word.length > prefix.length) ?? whole,
  )
  for (const [whole, name = host, port = ''] of translated.matchAll(/\b(?:([a-z0-9-]+)\.example|127\.0\.0\.1|localhost):(\d{4})\b/g)) {
    if (PORTS.includes(Number(port))) translated = translated.replace(whole, `127.0.0.1:${await portOf(world, name, Number(port))}`)
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

/** A home that a command just made gets ports of its own, so that several hosts fit on this machine and no port is taken. */
async function quieten(world: World, host: string): Promise<void> {
  const home = join(world.folder, host, 'home')
  const fragment = join(home, 'conf.d/99-readme.yaml')
  if (!existsSync(join(home, 'config.yaml')) || existsSync(fragment)) return
  const [node, http, gateway] = await Promise.all(PORTS.map((port) => portOf(world, host, port)))
  mkdirSync(join(home, 'conf.d'), { recursive: true })
  writeFileSync(
    fragment,
    `listen: ["/ip4/127.0.0.1/tcp/${node}"]\nhttp: { listen: "127.0.0.1:${http}" }\ngateway: { listen: "127.0.0.1:${gateway}" }\n`,
  )
}

/** Ends a command and all that it started. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.on('close', resolve))
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-(child.pid as number), name)
    } catch {
      // Gone already.
    }
  }
  signal('SIGTERM')
  const cancel = systemClock.after(STOP_MS, () => signal('SIGKILL'))
  await ended
  cancel()
}

if (import.meta.main) {
  const file = process.argv[2] ?? join(root, 'README.md')
  const outcomes = await runPage(readFileSync(file, 'utf8'), ({ line, command, problem, output }) => {
    console.log(`${problem === undefined ? 'ok  ' : 'FAIL'} ${relative(process.cwd(), file)}:${line} $ ${command}`)
    if (problem !== undefined) console.log(`     ${problem}; it printed:\n${output.replace(/^/gm, '     ')}`)
  })
  process.exitCode = outcomes.some(({ problem }) => problem !== undefined) ? 1 : 0
}
