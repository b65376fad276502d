/** Tests the output of the real command line in terminals of 80, 200 and 40 columns. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openScreen, type Screen } from '../../cli/testing/screen.ts'
import { type Fleet, startFleet } from '../testing/fleet.ts'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'muster')
const WIDTHS = [80, 200, 40] as const

let fleet: Fleet
/**
 * Serves the sample repository. Downloads of packages stop half-way until the test opens the gate.
 */
const gate = Promise.withResolvers<void>()
let slow: ReturnType<typeof createServer>

before(async () => {
  fleet = await startFleet({ coordinator: false })
  slow = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '').slice(1))
    void readFile(fleet.path('upstream', path)).then(
      async (bytes) => {
        response.writeHead(200, { 'content-length': bytes.length })
        if (path.endsWith('.rpm')) {
          response.write(bytes.subarray(0, bytes.length / 2))
          await gate.promise
          response.end(bytes.subarray(bytes.length / 2))
        } else response.end(bytes)
      },
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
  const { port } = slow.address() as AddressInfo
  await fleet.configure(
    'coordinator',
    '20-slow.yaml',
    `name: slow\ntype: rpm\nupstream: { url: "http://127.0.0.1:${port}/" }\n`,
  )
  await fleet.coordinator()
  await fleet.agent('web-1', ['role=web', 'site=berlin-with-a-long-name'])
})
after(async () => {
  gate.resolve()
  slow.closeAllConnections()
  slow.close()
  await fleet[Symbol.asyncDispose]()
})

function screen(
  args: readonly string[],
  columns: number,
  env: Readonly<Record<string, string>> = {},
): Screen {
  return openScreen([BIN, ...args], {
    columns,
    env: {
      HOME: fleet.folder,
      MUSTER_HOME: fleet.path('coordinator'),
      MUSTER_IDENTITY: fleet.path('operator'),
      ...env,
    },
  })
}

/** Returns the lines of a command that ends with `code`. */
async function seen(
  args: readonly string[],
  columns: number,
  options: { code?: number; env?: Readonly<Record<string, string>> } = {},
): Promise<{ lines: string[]; raw: string }> {
  const shown = screen(args, columns, options.env)
  const { code } = await shown.ended
  assert.equal(code, options.code ?? 0, shown.lines().join('\n'))
  return { lines: shown.unwrapped(), raw: shown.raw() }
}

test('screen: a sync shows its progress, and one line at the end', async () => {
  const shown = screen(['repo', 'sync', '--repo-id', 'slow'], 80)
  await shown.shows(/^slow: packages \d+\/\d+ files$/)
  const bar = await shown.shows(/^ {2}━+ \d+% \d+(\.\d+)? (B|KiB)\/\d+(\.\d+)? KiB .*\/s ETA /)
  assert.ok(bar.length < 80, bar)
  // After each resize the terminal shows one bar that fits.
  for (const columns of [40, 200, 80] as const) {
    shown.resize(columns)
    const before = shown.frames.length
    await shown.until(() => shown.frames.length > before + 4)
    const lines = shown.lines()
    assert.equal(lines.filter((line) => line.includes('━')).length, 1, lines.join('\n'))
    assert.ok(lines.every((line) => line.length < columns))
  }
  gate.resolve()
  const { code } = await shown.ended
  const lines = shown.unwrapped()
  assert.equal(code, 0, lines.join('\n'))
  assert.deepEqual(
    lines.filter((line) => /━|packages \d/.test(line)),
    [],
    'the bar is gone',
  )
  assert.match(
    lines[0] ?? '',
    /^slow: \d+ fetched \(\d+ KiB\), 0 unchanged, 0 removed; published as version 1 \(.*s\)$/,
  )
  assert.ok(shown.raw().includes('\u001b[?25h'), 'the cursor is back')
  for (const line of shown.frames.flat()) {
    const [, percent] = /(\d+)%/.exec(line) ?? []
    assert.ok(percent === undefined || Number(percent) <= 100, line)
    assert.doesNotMatch(line, /ETA -\d|━.*━ .*━|\\u001b/)
  }
})

test('screen: tables fit the terminal and lose nothing', async () => {
  for (const columns of WIDTHS) {
    const hosts = await seen(['agent', 'list'], columns)
    const repositories = await seen(['repo', 'list'], columns)
    for (const line of [...hosts.lines, ...repositories.lines])
      assert.ok(line.length <= columns, `${columns}: ${line}`)
    const words = hosts.lines.join(' ')
    for (const word of ['web-1', 'connected', 'role=web', 'site=berlin-with-a-long-name'])
      assert.ok(words.includes(word), `${columns}: ${word} in ${words}`)
    assert.match(repositories.lines.join('\n'), /sample/)
    assert.doesNotMatch(words, /\.\d{3}Z/, 'no milliseconds')
    assert.match(words, /\d+[smh] ago|now/)
    if (columns === 200) assert.equal(hosts.lines.length, 2)
  }
  const { stdout } = await fleet.muster(['agent', 'list'])
  assert.match(stdout, /^NAME +STATUS .*\nweb-1 +connected .*Z .*\n$/)
})

test('screen: an error and its hint are complete in any width', async () => {
  for (const columns of WIDTHS) {
    const { lines, raw } = await seen(['agent', 'show', 'nowhere'], columns, { code: 5 })
    assert.deepEqual(lines, [
      'muster: error: no host matches "nowhere"',
      'muster: hint: run `muster agent list` to see names and ids',
    ])
    assert.match(raw, /\u001b\[31merror:/)
  }
})

test('screen: a question waits for an answer; no and Ctrl-C change nothing', async () => {
  await fleet.ok(['repo', 'sync', '--repo-id', 'sample'])
  await fleet.ok(['snapshot', 'create', '--repo-id', 'sample', '--name', 'kept'])
  const words = ['snapshot', 'delete', '--repo-id', 'sample', '--name', 'kept']
  for (const columns of WIDTHS) {
    const shown = screen(words, columns)
    await shown.shows(/Go on\? \[y\/N\]/)
    shown.type('n\r')
    assert.equal((await shown.ended).code, 1)
    assert.match(
      shown.unwrapped().join('\n'),
      /Go on\? \[y\/N\] n\nmuster: error: not confirmed, so nothing was done: /,
    )
    const interrupted = screen(words, columns)
    await interrupted.shows(/Go on\? \[y\/N\]/)
    interrupted.type('\u0003')
    assert.deepEqual(await interrupted.ended, { code: 130, signal: 0 })
    assert.match(interrupted.unwrapped().join('\n'), /\nmuster: error: interrupted$/)
  }
  assert.match(await fleet.ok(['snapshot', 'list', '-o', 'name']), /kept/)
})

test('screen: Ctrl-C on a run prints one correct line', async () => {
  for (const columns of WIDTHS) {
    const shown = screen(
      ['run', '--on', 'web-1', '--', 'sh', '-c', 'echo begun; sleep 600'],
      columns,
    )
    await shown.shows(/^begun$/)
    shown.type('\u0003')
    assert.deepEqual(await shown.ended, { code: 130, signal: 0 })
    const [, ...lines] = shown.unwrapped().filter((line) => line !== '^C')
    assert.equal(lines.length, 1, lines.join('\n'))
    const [, run] =
      new RegExp(
        'muster: error: interrupted, but the run continues; ' +
          'run `muster process stop ([0-9a-f-]{36})` to stop it$',
      ).exec(lines[0] as string) ?? []
    assert.ok(run !== undefined, lines[0])
    await fleet.ok(['process', 'stop', run])
  }
})

test('screen: without colours the output is plain text', async () => {
  for (const [words, env, code] of [
    [['agent', 'list'], { NO_COLOR: '1' }, 0],
    [['--no-color', 'repo', 'sync', '--repo-id', 'sample'], {}, 0],
    [['repo', 'sync', '--repo-id', 'sample'], { NO_COLOR: '1' }, 0],
    [['-q', 'repo', 'sync', '--repo-id', 'sample'], {}, 0],
    [['--no-color', 'agent', 'show', 'nowhere'], {}, 5],
    [['agent', 'show', 'nowhere'], { NO_COLOR: '1' }, 5],
  ] as const) {
    const { raw } = await seen(words, 80, { code, env })
    assert.ok(!raw.includes('\u001b'), JSON.stringify(raw))
  }
})

test('screen: control characters from other machines don’t reach the terminal', async () => {
  const hostile = "printf '\\033]0;title\\007\\033[2Jtext\\n'"
  const shown = screen(['run', '--on', 'web-1', '--', 'sh', '-c', hostile], 80)
  assert.equal((await shown.ended).code, 0)
  assert.ok(!shown.raw().includes('\u001b'))
  assert.deepEqual(shown.unwrapped(), ['\\u001b]0;title\\u0007\\u001b[2Jtext'])
})

test('screen: the demo is readable, with colours and without visible escapes', async () => {
  const shown = openScreen([BIN, 'demo', '--once', '--agents', '1'], {
    columns: 40,
    env: { HOME: fleet.folder },
  })
  assert.equal((await shown.ended).code, 0, shown.lines().join('\n'))
  const lines = shown.unwrapped()
  assert.doesNotMatch(lines.join('\n'), /\\u001b|\\u00/)
  assert.ok(
    lines.includes('1. A coordinator, and a repository mirrored into its pool'),
    lines.join('\n'),
  )
  assert.match(shown.raw(), /\u001b\[36m1\. A coordinator/)
  assert.match(shown.raw(), /\u001b\[1m\$ muster init/)
  assert.match(lines.at(-1) ?? '', /^Everything worked, in .*\.$/)
})
