/** Tests commands that follow, stream or show progress, in terminals of 80 and 40 columns. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openScreen, type Screen } from '../../cli/testing/screen.ts'
import { type Fleet, startFleet } from '../testing/fleet.ts'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'muster')
const WIDTHS = [80, 40] as const
const CTRL_C = '\u0003'
/** Escape sequences that would set the title and clear the screen. */
const HOSTILE = "printf 'a\\033]0;t\\007\\033[2Jb\\n'"
const VISIBLE = 'a\\u001b]0;t\\u0007\\u001b[2Jb'

let fleet: Fleet
before(async () => {
  fleet = await startFleet()
  await fleet.agent('web-1', ['role=web'])
  await fleet.agent('web-2', ['role=web'])
  await fleet.ok(['repo', 'sync', '--repo-id', 'sample'])
})
after(() => fleet[Symbol.asyncDispose]())

function screen(args: readonly string[], columns: number, home = 'coordinator'): Screen {
  return openScreen([BIN, ...args], {
    columns,
    env: {
      HOME: fleet.folder,
      MUSTER_HOME: fleet.path(home),
      MUSTER_IDENTITY: fleet.path('operator'),
    },
  })
}

/** Runs a command to its end and returns what the terminal shows, without the wrapping. */
async function shown(
  args: readonly string[],
  columns: number,
  options: { code?: number; home?: string } = {},
): Promise<{ lines: string[]; raw: string }> {
  const opened = screen(args, columns, options.home)
  const { code } = await opened.ended
  assert.equal(code, options.code ?? 0, opened.lines().join('\n'))
  return { lines: opened.unwrapped(), raw: opened.raw() }
}

/** Interrupts a command and returns the lines that it printed afterwards. */
async function interrupted(opened: Screen, code = 130): Promise<string[]> {
  const earlier = opened.unwrapped().length
  opened.type(CTRL_C)
  assert.deepEqual(await opened.ended, { code, signal: 0 }, opened.lines().join('\n'))
  const lines = opened.unwrapped().slice(earlier)
  return lines.map((line) => line.replace(/^\^C/, '')).filter((line) => line !== '')
}

/** Starts a run on web-1 and returns its id. */
const start = (script: string): Promise<string> =>
  fleet.ok(['process', 'start', '--on', 'web-1', '--', 'sh', '-c', script])

test('screen: lines of several hosts begin with the host and show control characters', async () => {
  for (const columns of WIDTHS) {
    const { lines, raw } = await shown(
      ['run', '--on', 'role=web', '--', 'sh', '-c', HOSTILE],
      columns,
    )
    assert.deepEqual(lines.sort(), [`web-1: ${VISIBLE}`, `web-2: ${VISIBLE}`])
    assert.ok(!raw.includes('\u001b'), JSON.stringify(raw))
  }
})

test('screen: process stream and output show the output; the run survives Ctrl-C', async () => {
  for (const columns of WIDTHS) {
    const run = await start(`${HOSTILE}; exec sleep 600`)
    const stream = screen(['process', 'stream', run], columns)
    await stream.until(() => stream.unwrapped().includes(VISIBLE))
    assert.deepEqual(await interrupted(stream), [
      'muster: error: interrupted, but the run continues; ' +
        `run \`muster process stop ${run}\` to stop it`,
    ])
    assert.equal(await fleet.ok(['process', 'status', run]), 'running')
    const { lines, raw } = await shown(['process', 'output', run], columns)
    assert.deepEqual(lines, [VISIBLE])
    assert.ok(!raw.includes('\u001b'), JSON.stringify(raw))
    await fleet.ok(['process', 'stop', run])
  }
})

test('screen: process wait prints how the run ended, and one line after Ctrl-C', async () => {
  for (const columns of WIDTHS) {
    const run = await start('exit 3')
    const { lines } = await shown(['process', 'wait', run], columns, { code: 3 })
    assert.deepEqual(lines, ['exited: 3'])
    const long = await start('exec sleep 600')
    const wait = screen(['process', 'wait', long, '--timeout', '10m', '-v'], columns)
    await fleet.ok(['process', 'status', long])
    wait.type(CTRL_C)
    assert.equal((await wait.ended).code, 130)
    assert.match(wait.unwrapped().join('\n'), /muster: error: interrupted$/m)
    await fleet.ok(['process', 'stop', long])
  }
})

test('screen: a followed log has one header, fits the terminal, ends with Ctrl-C', async () => {
  // The table of the log needs about 130 columns. In a narrower terminal each row is a block.
  for (const [round, columns] of [200, ...WIDTHS].entries()) {
    const log = screen(['audit', 'log', '--follow', '--count', '2'], columns)
    await log.shows(/INDEX/)
    await fleet.ok(['agent', 'label', 'web-1', `round=${round}`])
    await log.until(() => log.lines().filter((line) => line.includes('agent.label')).length >= 2)
    for (const line of log.lines()) assert.ok(line.length <= columns, `${columns}: ${line}`)
    const headers = log.lines().filter((line) => /^INDEX +AT/.test(line))
    assert.equal(headers.length, columns === 200 ? 1 : 0, log.lines().join('\n'))
    assert.deepEqual(await interrupted(log), ['muster: error: interrupted'])
  }
})

test('screen: pool check shows progress, removes it, and prints one line', async () => {
  for (const columns of WIDTHS) {
    const { lines, raw } = await shown(['pool', 'check', '--deep'], columns)
    assert.equal(lines.length, 1, lines.join('\n'))
    assert.match(lines[0] ?? '', /^pool: \d+ of \d+ blobs hashed \(.*\); none is damaged$/)
    assert.ok(raw.includes('\u001b[?25l') && raw.includes('\u001b[?25h'), 'the cursor is back')
  }
})

test('screen: blob get writes to the terminal or to a file, and nothing else', async () => {
  const file = fleet.path('text')
  await writeFile(file, 'first line\nlast line\n')
  const blob = await fleet.ok(['blob', 'add', file])
  for (const [home, columns] of [
    ['coordinator', 80],
    ['web-1', 40],
  ] as const) {
    const printed = await shown(['blob', 'get', blob, '--to', '-'], columns, { home })
    assert.deepEqual(printed.lines, ['first line', 'last line'])
    const saved = ['blob', 'get', blob, '--to', fleet.path(`${home}.copy`)]
    assert.deepEqual((await shown(saved, columns, { home })).lines, [])
  }
})

test('screen: doctor prints one block for each check, with colours and whole words', async () => {
  for (const columns of WIDTHS) {
    const { lines, raw } = await shown(['doctor'], columns)
    const text = lines.join('\n')
    assert.match(text, /^ok {8}node v24/)
    assert.match(text, /^ok {8}2 hosts connected$/m)
    assert.match(lines.at(-1) ?? '', /^\d+ ok, .*0 failures$/)
    assert.ok(raw.includes('\u001b[32mok'), 'green')
  }
})

test('screen: an agent prints ready and readable log lines, and ends with Ctrl-C', async () => {
  for (const [index, columns] of WIDTHS.entries()) {
    const name = `desk-${index}`
    await fleet.agent(name).then((agent) => agent.stop())
    const agent = screen(['agent', 'run'], columns, name)
    await agent.shows(/^ready 12D3KooW\S+ http:\/\/127\.0\.0\.1:\d+$/)
    for (const line of agent.unwrapped()) assert.doesNotMatch(line, /^\{"|\\u001b/)
    agent.type(CTRL_C)
    assert.deepEqual(await agent.ended, { code: 0, signal: 0 })
    assert.doesNotMatch(agent.unwrapped().join('\n'), /muster: error/)
  }
})
