import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { runId } from '../../../shared/ids.ts'
import { advance, type Cause, hasEnded, type RunEvent, type RunRecord } from './run-state.ts'
import { describeRun } from '../../../shared/describe-run.ts'

const fresh: RunRecord = {
  format: 1,
  run: runId.parse('01890a5d-ac96-774b-bcce-b302099a8057'),
  digest: '',
  command: ['x'],
  limits: { outputBytes: 1 },
  state: 'starting',
  startedAt: 0,
  enforcement: 'enforced',
  supervised: true,
  output: { stdout: 0, stderr: 0, dropped: 0 },
}
const launched: RunEvent = {
  type: 'launched',
  process: { bootId: 'b', pid: 2, startTime: '3' },
  containment: { kind: 'cgroup2', track: '/t', folders: ['/t'] },
  enforcement: 'enforced',
}
const causes = fc.constantFrom<Cause>('stop', 'timeout', 'oom')
const events: fc.Arbitrary<RunEvent> = fc.oneof(
  fc.constant(launched),
  causes.map((cause) => ({ type: 'ended by us', cause }) as const),
  fc.constant<RunEvent>({ type: 'refused', reason: 'ENOENT: no such file or directory: x', at: 1 }),
  fc.record({
    type: fc.constant('exited' as const),
    code: fc.option(fc.integer({ min: 0, max: 255 })),
    signal: fc.option(fc.constantFrom('SIGTERM', 'SIGKILL')),
    oom: fc.boolean(),
    at: fc.nat(),
  }),
  fc.constant<RunEvent>({ type: 'orphaned' }),
  fc.constant<RunEvent>({ type: 'vanished', at: 4 }),
  fc.constant<RunEvent>({ type: 'rebooted', at: 5 }),
)
const play = (...played: RunEvent[]): RunRecord => played.reduce(advance, fresh)

test('a run has one terminal state that never changes', () => {
  fc.assert(
    fc.property(fc.array(events), (played) => {
      let ended: RunRecord | undefined
      let record = fresh
      for (const event of played) {
        record = advance(record, event)
        if (ended !== undefined) assert.deepEqual(record, ended)
        else if (hasEnded(record)) {
          ended = record
          assert.equal(typeof record.endedAt, 'number')
        }
      }
    }),
  )
})

test('a run reports the first cause of its end', () => {
  fc.assert(
    fc.property(fc.array(causes, { minLength: 1 }), fc.constantFrom(null, 0, 3), (list, code) => {
      const asked = list.map((cause) => ({ type: 'ended by us', cause }) as const)
      const exited = {
        type: 'exited',
        code,
        signal: code === null ? 'SIGKILL' : null,
        oom: false,
        at: 9,
      } as const
      const record = play(launched, ...asked, exited)
      assert.equal(record.state, list[0] === 'stop' ? 'stopped' : 'killed')
      assert.equal(record.reason, list[0] === 'stop' ? undefined : list[0])
    }),
  )
})

test('run statuses have the texts of the documentation', () => {
  const at = 1
  const exited = (code: number | null, signal: string | null, oom = false): RunEvent => ({
    type: 'exited',
    code,
    signal,
    oom,
    at,
  })
  const cases: [RunRecord, string][] = [
    [play(), 'running'],
    [play(launched), 'running'],
    [play(launched, exited(7, null)), 'exited: 7'],
    [play(launched, exited(null, 'SIGSEGV')), 'killed: SIGSEGV'],
    [play(launched, exited(null, 'SIGKILL', true)), 'killed: SIGKILL'],
    [play(launched, { type: 'ended by us', cause: 'stop' }, exited(0, null)), 'stopped'],
    [play(launched, { type: 'ended by us', cause: 'timeout' }, exited(3, null)), 'killed: timeout'],
    [
      play({ type: 'refused', reason: 'ENOENT: no such file or directory: /x', at }),
      'failed to start: ENOENT: no such file or directory: /x',
    ],
    [play(launched, { type: 'orphaned' }), 'running'],
    [play(launched, { type: 'orphaned' }, { type: 'vanished', at }), 'lost: runner died'],
    [play(launched, { type: 'ended by us', cause: 'stop' }, { type: 'vanished', at }), 'stopped'],
    [play(launched, { type: 'rebooted', at }), 'lost: reboot'],
  ]
  for (const [record, text] of cases) assert.equal(describeRun(record), text)
})
