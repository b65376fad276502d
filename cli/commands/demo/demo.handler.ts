/** Shows a fleet in steps, with real processes and real commands. */
import { join } from 'node:path'
import { z } from 'zod'
import { untilAborted } from '../../../shared/interrupt.ts'
import { publishedPath } from '../../../shared/repository-paths.ts'
import { formatDuration } from '../../../shared/units.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './demo.ts'
import { openDemoFleet, type DemoFleet } from './fleet.ts'
import { openScratch } from './scratch.ts'
import { createStage, type Stage } from './stage.ts'
import { startUpstream } from './upstream.ts'

/** The path of the demo's repository on a web server. */
const DEMO = publishedPath('demo')

/** The size of the blob that hosts fetch. It takes several ranges and little time. */
const BLOB_BYTES = 8 * 1024 * 1024

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { flags, clock, signal } = context
  const started = clock.monotonic()
  await using stack = new AsyncDisposableStack()
  const scratch = stack.use(await openScratch(context, flags.keep))
  const upstream = stack.use(await startUpstream(context, join(scratch.folder, 'upstream')))
  const fleet = stack.use(await openDemoFleet(context, scratch.folder))
  const stage = createStage(context, fleet)

  await context.note(`Muster demo: a coordinator and ${flags.agents} agents in ${scratch.folder}`)
  await mirror(stage, fleet, upstream.url)
  await enrol(stage, fleet, flags.agents)
  await distribute(stage, fleet, scratch)
  await know(stage)
  await run(stage)
  await prove(stage, scratch.folder)
  await context.note(`\nEverything worked, in ${formatDuration(clock.monotonic() - started)}.`)
  if (flags.once || signal.aborted) return

  await context.note(lookAround(context, fleet))
  await untilAborted(signal)
  await context.note('\nstopping')
}

async function mirror(stage: Stage, fleet: DemoFleet, upstream: string): Promise<void> {
  await stage.chapter('A coordinator, and a repository mirrored into its pool')
  await stage.muster(['init', '--fleet', 'demo'])
  await fleet.configure(upstream)
  await fleet.startCoordinator()
  await stage.muster(['repo', 'sync', '--repo-id', 'demo'])
  await stage.muster(['snapshot', 'create', '--repo-id', 'demo', '--name', 'day-1'])
  await stage.muster(['repo', 'list'])
}

async function enrol(stage: Stage, fleet: DemoFleet, agents: number): Promise<void> {
  await stage.chapter('Hosts join with single-use tokens')
  for (let number = 1; number <= agents; number++) {
    const name = `host-${number}`
    const role = number === 1 ? 'db' : 'web'
    const token = (
      await stage.muster(['enroll', 'token', '--approve', '--label', `role=${role}`], {
        quiet: true,
      })
    ).trim()
    await stage.muster(['agent', 'join', token, '--name', name], {
      home: name,
      shown: ['agent', 'join', `${token.slice(0, 16)}…`, '--name', name],
      quiet: true,
    })
    await fleet.startAgent(name)
  }
  await stage.muster(['agent', 'list'])
}

async function distribute(
  stage: Stage,
  fleet: DemoFleet,
  scratch: { folder: string; writeRandom(name: string, bytes: number): Promise<string> },
): Promise<void> {
  await stage.chapter('Content moves from host to host, and every group is verified against the id')
  const hosts = fleet.agents()
  for (const { name, gateway } of hosts.slice(0, 1)) {
    const url = `${gateway}${DEMO}`
    const { length } = await stage.get(`${url}repodata/repomd.xml`)
    await stage.say(
      `dnf on ${name} reads the repository from its own agent: ${url} ` +
        `(${length} bytes of repomd.xml)`,
    )
  }
  const file = await scratch.writeRandom('build.bin', BLOB_BYTES)
  const id = (await stage.muster(['blob', 'add', file])).trim()
  for (const { name } of hosts.slice(0, 2))
    await stage.muster(['blob', 'get', id, '--to', join(scratch.folder, `${name}.bin`)], {
      home: name,
    })
  await stage.muster(['blob', 'providers', id])
}

/** The part of `facts show -o json` that the demo shows. */
const shownFacts = z.object({
  os: z.object({ name: z.string().optional() }),
  packages: z.array(z.unknown()),
  sequence: z.int(),
})

async function know(stage: Stage): Promise<void> {
  await stage.chapter('Every host reports its packages, signed with its own key')
  // The coordinator receives the first report some time after the agent connects.
  const shown = await stage.until(['facts', 'show', 'host-1', '-o', 'json'])
  const { os, packages, sequence } = shownFacts.parse(JSON.parse(shown))
  await stage.say(
    `host-1 runs ${os.name ?? 'an unknown system'} with ${packages.length} packages ` +
      `(report ${sequence} of this host)`,
  )
}

async function run(stage: Stage): Promise<void> {
  await stage.chapter('A signed intent, logged before it runs; each host checks the proof itself')
  await stage.muster(['run', '--on', 'all', '--', 'sh', '-c', 'echo "hello from process $$"'])
  await stage.muster(['process', 'list', '--all'])
}

async function prove(stage: Stage, folder: string): Promise<void> {
  await stage.chapter('The log shows who did what, and anyone can verify it offline')
  await stage.muster(['audit', 'log', '--count', '6'])
  await stage.muster(['audit', 'verify'])
  const bundle = join(folder, 'log-export')
  await stage.muster(['audit', 'export', '--to', bundle])
  await stage.muster(['audit', 'verify', '--bundle', bundle])
}

function lookAround({ env }: CommandContext<Flags>, fleet: DemoFleet): string {
  const elsewhere = ['MUSTER_COORDINATOR', 'MUSTER_CONTEXT', 'MUSTER_CONFIG'].filter(
    (name) => env[name],
  )
  const lines = [
    '',
    'Look around (in another terminal):',
    ...(elsewhere.length === 0 ? [] : [`  unset ${elsewhere.join(' ')}`]),
    ...fleet.environment().map((line) => `  export ${line}`),
    '  muster status',
    '  muster run --on role=web -- uptime',
    "  muster process start --on host-1 -- sh -c 'while sleep 1; do date; done'",
    '  muster audit log',
    '  muster grant list',
    '',
    `  published repository   ${fleet.http()}${DEMO}`,
    ...fleet.agents().map((agent) => `  gateway of ${agent.name}      ${agent.gateway}${DEMO}`),
    '',
    'Ctrl-C ends the demo.',
  ]
  return lines.join('\n')
}
