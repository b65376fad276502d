/**
 * Calls every command with wrong and hostile values for every flag and argument, on a running
 * fleet. The commands run in this process, because separate processes would take minutes.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import test from 'node:test'
import { registry } from '../../cli/commands/index.ts'
import type { Declaration } from '../../cli/program/command.ts'
import { flagName } from '../../cli/program/flags.ts'
import { globalFlags } from '../../cli/program/global-flags.ts'
import { runProgram } from '../../cli/program/program.ts'
import type { Sink } from '../../cli/terminal/sink.ts'
import { concurrently } from '../../shared/concurrency/concurrently.ts'
import { type Fleet, startFleet } from '../testing/fleet.ts'

const VALUES: readonly string[] = [
  '',
  ' ',
  'a b ',
  'x\ny',
  'x\u001b[31m',
  'a\u200b1',
  '\u0430ll',
  '../../x',
  '\'"`$(id)',
  'x'.repeat(300),
  'x'.repeat(70_000),
  'A1',
  'SAMPLE',
  'all',
  '0',
  '__proto__',
]
/** The values for numbers, times, versions and ranges. */
const NUMBERS = ['-1', '1e9', '99999999999999999999', '2026-02-30T25:61:00Z']
const NUMBER_SLOTS = /^(integer|size|duration)$|^(--)?(cpu|range|version|signal|index|root|id)$/
/** The values for labels, variables and selectors. */
const PAIRS = ['__proto__=x', 'k=v=w', '=']
const PAIR_SLOTS = /^(pairs|variables|list)$|^(labels|host)$/

/**
 * Values that a command may accept, because they are valid values or search terms. All others must
 * fail.
 */
const ACCEPTED: Readonly<Record<string, RegExp>> = {
  'agent join --name': /^(?!all$)(?=.*[A-Za-z])[A-Za-z0-9][\w.-]{0,63}$/,
  'agent label labels': /^[a-z0-9]+=[\w.:@+-]*$/,
  'audit log --actor': /^[^\p{C}]*[^\p{C}\s]$/u,
  'audit log --count': /^1e9$/,
  'audit prove index': /^0$/,
  'blob get --to': /./s,
  'context add name': /^[A-Za-z0-9][\w.-]{0,63}$/,
  'demo --keep': /./s,
  'enroll token --label': /^[a-z0-9]+=[\w.:@+-]*$/,
  'facts history --package': /^[^\p{C}]*[^\p{C}\s]$/u,
  'grant add --depth': /^0$/,
  'grant add --on': /^all$/,
  'init --fleet': /^[A-Za-z0-9][\w .@:+-]{0,63}$/,
  'init --name': /^[A-Za-z0-9][\w .@:+-]{0,63}$/,
  'package find --on': /^all$/,
  'package find --version': /^\s*[\w.-]+$/,
  'package find name': /^[^\p{C}]*[^\p{C}\s]$/u,
  'process list --on': /^all$/,
  'process stop --grace': /^0$/,
  'repo sync --snapshotName': /^[a-z0-9][a-z0-9._-]{0,63}$/,
  'snapshot create --description': /^.{0,1024}$/s,
  'snapshot create --name': /^[a-z0-9][a-z0-9._-]{0,63}$/,
  'snapshot diff --from': /^[a-z0-9][a-z0-9._-]{0,63}$/,
  'snapshot diff --to': /^[a-z0-9][a-z0-9._-]{0,63}$/,
  'snapshot show --name': /^[a-z0-9][a-z0-9._-]{0,63}$/,
}
/**
 * A slot is a flag or argument of one command. These are the slots of the commands that start a
 * run. Their valid values aren't tried, because they would start a process.
 */
const RUN_ACCEPTED: Readonly<Record<string, RegExp>> = {
  '--on': /^all$/,
  '--env': /^[A-Za-z_]\w*=/,
  '--user': /^[A-Za-z0-9_.-]{1,64}$/,
  '--name': /^(?!\s)[^\p{C}]{1,64}(?<!\s)$/u,
  command: /^.{1,32768}$/s,
}
/** The slots whose valid values cause too much work. */
const SKIPPED = new Set(['agent join --name', 'demo --keep', 'init --fleet', 'init --name'])

interface Try {
  /** A command and its flag or argument: `snapshot create --name`. */
  readonly slot: string
  readonly value: string
  readonly argv: readonly string[]
  readonly home: string | undefined
}

interface Slots {
  readonly flags: Readonly<Record<string, string>>
  readonly args: Readonly<Record<string, string>>
}

test('hostile values: every flag and argument is checked and has a clear error', async (t) => {
  await using fleet = await startFleet({ agents: 1 })
  const right = await prepare(fleet)
  const tries = await triesOf(fleet, right)
  assert.ok(tries.length > 1_000, `${tries.length} tries`)
  const wrong: string[] = []
  // Four commands at once use two processors.
  await concurrently(tries, 4, async (one) => {
    const { code, text } = await run(fleet, one, t.signal)
    const fault = faultOf(one, code, text)
    if (fault === undefined) return
    const value = JSON.stringify(one.value.slice(0, 40))
    wrong.push(`${one.slot} ${value}: ${fault}\n  ${code}: ${text.slice(0, 300)}`)
  })
  assert.deepEqual(wrong, [])
  assert.equal(await fleet.ok(['run', '--on', 'a1', '--', 'echo', 'still here']), 'still here')
})

/** Words of libraries and of this code. They must not be in an error. */
const RAW = new RegExp(
  'internal error|bug in Muster|\\n\\s+at |Zod|Invalid|Too (big|small)|' +
    '\\bE[A-Z]{4,}:|\\[object|undefined\\b|NaN\\b(?!")',
)

function faultOf({ slot, value }: Try, code: number, text: string): string | undefined {
  if (code === 1) return 'exit code 1, expected 2 for wrong input'
  if (RAW.test(text.replaceAll(value, ''))) return 'a raw or internal error'
  if (text.length > 4_096) return `the error is too long: ${text.length} characters`
  if (code !== 0) return undefined
  return ACCEPTED[slot]?.test(value) === true ? undefined : 'it was accepted'
}

/** Creates the objects that valid values name. */
async function prepare(fleet: Fleet): Promise<Slots> {
  await fleet.ok(['repo', 'sync', '--repo-id', 'sample'])
  await fleet.ok(['snapshot', 'create', '--repo-id', 'sample', '--name', 's1'])
  await fleet.ok(['audit', 'export', '--to', fleet.path('log')])
  const run = await fleet.ok(['process', 'start', '--on', 'a1', '--', 'true'])
  await fleet.ok(['process', 'wait', run])
  const file = fleet.path('content')
  await writeFile(file, 'content')
  // `blob get --to` resolves relative paths here.
  await mkdir(fleet.path('work', 'a', 'b'), { recursive: true })
  process.chdir(fleet.path('work', 'a', 'b'))
  return {
    flags: {
      repoId: 'sample',
      name: 's1',
      from: 's1',
      to: 's1',
      namespace: 'run',
      level: 'observe',
      on: 'a1',
    },
    args: {
      host: 'a1',
      labels: 'x=y',
      run,
      blob: await fleet.ok(['blob', 'add', file]),
      file,
      index: '0',
      id: '01890000-0000-7000-8000-000000000000',
      name: 'n1',
      ticket: await fleet.ok(['enroll', 'token', '--approve']),
      shell: 'bash',
      command: 'true',
    },
  }
}

async function triesOf(fleet: Fleet, right: Slots): Promise<Try[]> {
  const tries: Try[] = []
  for (const [noun, entry] of Object.entries(registry)) {
    const verbs = 'verbs' in entry ? Object.entries(entry.verbs) : [['', entry.command] as const]
    for (const [verb, load] of verbs) {
      const { command } = await load()
      const words = verb === '' ? [noun] : [noun, verb]
      if (noun !== '__complete' && (noun === 'demo' || !command.daemon))
        tries.push(...triesOfCommand(fleet, right, words, command))
    }
  }
  return tries
}

function valuesFor(slot: string, type: string): readonly string[] {
  const fits = (slots: RegExp): boolean => slots.test(type) || slots.test(slot)
  return [...VALUES, ...(fits(NUMBER_SLOTS) ? NUMBERS : []), ...(fits(PAIR_SLOTS) ? PAIRS : [])]
}

/** The commands that use a global flag. */
const GLOBALS: Readonly<Record<string, readonly string[]>> = {
  status: ['home', 'config', 'identity', 'coordinator', 'context', 'output'],
  'config validate': ['home', 'config'],
}

function triesOfCommand(
  fleet: Fleet,
  right: Slots,
  words: readonly string[],
  command: Declaration,
): Try[] {
  const name = words.join(' ')
  const paths: Readonly<Record<string, string>> = {
    'grant add': fleet.path('operator.pub'),
    'blob get': fleet.path('out'),
    'audit export': fleet.path('exported'),
  }
  const isRun = name === 'run' || name === 'process start'
  const globals = Object.entries(globalFlags).filter(([key]) => GLOBALS[name]?.includes(key))
  const flags = { ...command.flags, ...Object.fromEntries(globals) }
  const needed = Object.entries(command.flags)
    .filter(([key, spec]) => ('required' in spec && spec.required) || (isRun && key === 'on'))
    .map(([key]) => key)
  const argv = (slot: string, value: string): string[] => {
    const line = [...words, ...(EXTRA[name]?.(slot, fleet) ?? [])]
    for (const key of needed) {
      const usual = (key === 'to' ? paths[name] : undefined) ?? right.flags[key] ?? 'x'
      if (`--${key}` !== slot) line.push(`--${flagName(key)}=${usual}`)
    }
    if (slot.startsWith('--')) line.push(`--${flagName(slot.slice(2))}=${value}`)
    line.push('--')
    for (const key of Object.keys(command.arguments))
      line.push(key === slot ? value : (right.args[key] ?? 'x'))
    return line
  }
  const slots = [
    ...Object.entries(flags)
      .filter(([, spec]) => spec.type !== 'boolean')
      .map(([key, spec]) => [`--${key}`, spec.type] as const),
    ...Object.keys(command.arguments).map((key) => [key, 'argument'] as const),
  ]
  return slots.flatMap(([slot, type]) =>
    valuesFor(slot, type)
      .filter((value) => {
        if (isRun) return RUN_ACCEPTED[slot]?.test(value) !== true
        return !SKIPPED.has(`${name} ${slot}`) || ACCEPTED[`${name} ${slot}`]?.test(value) !== true
      })
      .map((value, at) => ({
        slot: `${name} ${slot}`,
        value,
        argv: argv(slot, value),
        home: HOMES[name]?.(`${slot}${at}`),
      })),
  )
}

/** Extra words with which the command checks the value and does little other work. */
const EXTRA: Readonly<Record<string, (slot: string, fleet: Fleet) => readonly string[]>> = {
  demo: () => ['--once'],
  'repo sync': (slot) => [
    '--dry-run',
    ...(slot === '--repoId' ? [] : ['--repo-id=sample']),
    ...(slot === '--snapshotName' ? ['--create-snapshot'] : []),
  ],
  'audit verify': (slot, fleet) => (slot === '--root' ? [`--bundle=${fleet.path('log')}`] : []),
}

/** The commands that need another home than the coordinator's. */
const HOMES: Readonly<Record<string, (slot: string) => string>> = {
  'agent facts': () => 'a1',
  'agent repofile': () => 'a1',
  'agent join': (slot) => `join${slot}`,
  init: (slot) => `init${slot}`,
}

async function run(
  fleet: Fleet,
  { argv, home }: Try,
  signal: AbortSignal,
): Promise<{ code: number; text: string }> {
  let text = ''
  const quiet: Sink = { ...sink, write: async () => undefined }
  const heard: Sink = {
    ...sink,
    write: async (chunk) => {
      text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    },
  }
  // Each command has its own contexts. Otherwise it could use a context that another command added.
  const env = {
    ...fleet.environment(home === undefined ? {} : { home }),
    XDG_CONFIG_HOME: fleet.path(argv.slice(0, 2).join('-')),
  }
  const code = await runProgram(registry, argv, {
    stdin: Readable.from([]) as unknown as NodeJS.ReadStream,
    stdout: quiet,
    stderr: heard,
    env,
    interrupts: { signal, finish: () => undefined },
  })
  return { code, text }
}

const sink: Omit<Sink, 'write'> = {
  isTTY: false,
  columns: 80,
  style: (_, text) => text,
  closed: new AbortController().signal,
}
