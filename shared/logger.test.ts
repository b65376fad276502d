/**
 * Checks that log lines are JSON with a time and a level, contain no secrets (CC-04), and are
 * readable on a terminal.
 */
import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from './clock.ts'
import { unitError } from './units.ts'
import { createLogger, type Logger, type LoggerOptions } from './logger.ts'
import { createRedactor } from './redact.ts'

const clock = { ...systemClock, now: () => Date.UTC(2026, 10, 21, 14, 2, 11, 250) }

/** Runs `work` with a logger that writes to a real file. Returns the file's text. */
function logged(
  options: Partial<LoggerOptions>,
  use: (log: Logger) => void,
  secrets: string[] = [],
): string {
  const folder = mkdtempSync(join(tmpdir(), 'muster-logger-'))
  const fd = openSync(join(folder, 'log'), 'w')
  const redactor = createRedactor()
  for (const secret of secrets) redactor.protect(secret)
  try {
    use(createLogger({ clock, redactor }, { level: 'info', format: 'json', fd, ...options }))
    return readFileSync(join(folder, 'log'), 'utf8')
  } finally {
    closeSync(fd)
    rmSync(folder, { recursive: true })
  }
}

test('logger: a line is one JSON object with time, level, message and data', () => {
  const line = logged({}, (log) =>
    log.child({ area: 'mirror' }).warn({ files: 3 }, 'slow\nupstream'),
  )
  assert.deepEqual(JSON.parse(line), {
    level: 'warn',
    time: '2026-11-21T14:02:11.250Z',
    area: 'mirror',
    files: 3,
    msg: 'slow\nupstream',
  })
  assert.equal(line.split('\n').length, 2)
})

test('logger: skips lines below the level', () => {
  assert.equal(
    logged({ level: 'warn' }, (log) => log.info({}, 'no')),
    '',
  )
})

test('logger: an error keeps its code and its causes', () => {
  const error = unitError(
    'unit.malformed',
    { kind: 'size', got: 'x', example: '1M' },
    { cause: new TypeError('root') },
  )
  const line = JSON.parse(logged({}, (log) => log.error({ error }, 'failed'))) as {
    error: Record<string, { name?: string; message?: string }>
  }
  assert.equal(line.error.code, 'unit.malformed')
  assert.equal(line.error.cause?.name, 'TypeError')
})

test('CC-04: secrets in data, messages, errors and causes do not reach the log', () => {
  const canary = 'canary-7f3a91'
  const cause = new Error(`connect postgresql://muster:${canary}@db/muster failed`)
  for (const format of ['json', 'pretty'] as const) {
    const text = logged(
      { format },
      (log) => {
        log.info(
          { password: canary, nested: { token: canary, deeper: { any: canary } } },
          `with ${canary}`,
        )
        log.child({ secret: canary }).error({ error: new Error(canary, { cause }) }, 'failed')
      },
      [canary],
    )
    assert.ok(text.length > 0)
    assert.ok(!text.includes(canary), text)
  }
  const untold = logged({}, (log) =>
    log.error({ error: cause, password: canary, upstream: { password: canary } }, 'failed'),
  )
  assert.ok(!untold.includes(canary), untold)
})

test('logger: the pretty format is one line, followed by the stack of a foreign error', () => {
  const text = logged({ format: 'pretty' }, (log) => {
    log.info({ host: 'web-1', files: 2 }, 'synced')
    log.error({ error: new Error('boom') }, 'failed')
  })
  const [first, second, third] = text.split('\n')
  assert.equal(first, '14:02:11.250 info  synced host=web-1 files=2')
  assert.equal(second, '14:02:11.250 error failed error="boom"')
  assert.match(third ?? '', /^Error: boom/)
})

test('logger: a failing log does not stop the program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-logger-'))
  const fd = openSync('/dev/full', 'w')
  const log = createLogger(
    { clock, redactor: createRedactor() },
    { level: 'info', format: 'json', fd },
  )
  log.info({}, 'to a full disk')
  closeSync(fd)
  rmSync(folder, { recursive: true })
})
