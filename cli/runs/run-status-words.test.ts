import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunRow } from '../../protocols/control/messages.ts'
import { rfc3339 } from '../../shared/clock.ts'
import { runStatusWords } from './run-status-words.ts'

const NOW = Date.parse('2026-11-30T12:00:00.000Z')
const clock = { now: () => NOW }
const row = (changes: Partial<RunRow>): RunRow => ({
  run: '01990000-0000-7000-8000-000000000001',
  host: 'web-1',
  agent: '3f0c1e6a-6a55-4c3b-9f4e-0d9a2b1c7e10',
  command: ['true'],
  name: null,
  status: 'running',
  state: 'running',
  startedAt: null,
  endedAt: null,
  exitCode: null,
  signal: null,
  outputBytes: 0,
  droppedBytes: 0,
  limits: null,
  actor: '',
  ...changes,
})

test('run words: shows only the state if the host responds', () => {
  assert.equal(runStatusWords(clock, row({})), 'running')
  assert.equal(runStatusWords(clock, row({ stale: false, contact: 'answered' })), 'running')
})

test('run words: names a host that is offline or does not respond, and the time', () => {
  const since = rfc3339(NOW - 60_000)
  const words = (changes: Partial<RunRow>): string =>
    runStatusWords(clock, row({ stale: true, ...changes }))
  assert.match(
    words({ contact: 'offline', unreachableSince: since }),
    /^running \(web-1 offline since \d\d:\d\d\)$/,
  )
  assert.match(
    words({ contact: 'silent', unreachableSince: since }),
    /^running \(web-1 does not answer, last seen \d\d:\d\d\)$/,
  )
  assert.equal(words({ contact: 'offline', unreachableSince: null }), 'running (web-1 offline)')
  const long = rfc3339(NOW - 40 * 86_400_000)
  assert.match(
    words({ contact: 'offline', unreachableSince: long }),
    /since 2026-10-21 \d\d:\d\d\)/,
  )
})
