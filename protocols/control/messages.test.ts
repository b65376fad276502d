import assert from 'node:assert/strict'
import test from 'node:test'
import { LABEL_KEY, LABEL_VALUE } from '../../shared/trust/fields.ts'
import { checkCases, checkRefused } from '../rpc/check-cases.ts'
import { cases } from './cases.ts'
import { control } from './protocol.ts'
import { labelsMessage, runStartArguments, safeName, VERBS } from './verbs.ts'

const opened = cases.find((one) => one.id === 'delegation and proof')?.message as {
  delegation: object
}
const intent = opened.delegation
const value = (name: string, text: string): object => ({
  name,
  salt: new Uint8Array(32),
  value: text,
})
const agent = '3f0c1e6a-6a55-4c3b-9f4e-0d9a2b1c7e10'

test('control: messages and their bytes', () => {
  checkCases(control, cases)
  checkRefused(control, [
    [
      'a proof that is too long',
      'session.open',
      'request',
      { ...opened, proof: new Uint8Array(65) },
    ],
    ['no selector', 'target.resolve', 'request', { on: [] }],
    ['an empty selector', 'target.resolve', 'request', { on: [''] }],
    [
      'selectors without end',
      'target.resolve',
      'request',
      { on: Array.from({ length: 257 }, () => 'x') },
    ],
    ['no run', 'run.status', 'request', { run: '' }],
    ['a run longer than an id', 'run.status', 'request', { run: 'x'.repeat(37) }],
    [
      'an offset before the beginning',
      'run.output',
      'request',
      { run: 'abcd', follow: true, stdout: -1, stderr: 0 },
    ],
    ['more entries than a page', 'audit.log', 'request', { from: 0, count: 1001 }],
    ['a blob by its path', 'blob.get', 'request', { blob: '/etc/passwd' }],
    ['an intent as text', 'operate', 'request', { intent: '{}' }],
    [
      'a value without its salt',
      'operate',
      'request',
      { intent, values: [{ name: 'A', value: 'x' }] },
    ],
    [
      'a salt that is too short',
      'operate',
      'request',
      { intent, values: [{ ...value('A', 'x'), salt: new Uint8Array(16) }] },
    ],
    [
      'a value with a name that no shell accepts',
      'operate',
      'request',
      { intent, values: [value('A B', 'x')] },
    ],
    [
      'more values than an intent has variables',
      'operate',
      'request',
      { intent, values: Array.from({ length: 257 }, (_, n) => value(`A${n}`, 'x')) },
    ],
    [
      'more bytes of values than a host accepts',
      'operate',
      'request',
      { intent, values: [value('A', 'x'.repeat(131_072))] },
    ],
    [
      'as many bytes in fewer characters',
      'operate',
      'request',
      { intent, values: [value('A', 'ü'.repeat(65_536))] },
    ],
    [
      'a nested value in a detail',
      'operate',
      'response',
      { operation: 'x', index: 0, results: [{ target: '', result: 'done', detail: { a: {} } }] },
    ],
  ])
})

test('ID-01: every control method except the opening of a session requires a capability', () => {
  const strangers = Object.entries(control.methods).filter(
    ([, method]) => method.capability.kind === 'stranger',
  )
  assert.deepEqual(
    strangers.map(([name]) => name),
    ['session.begin', 'session.open'],
  )
})

const commitment = 'ab'.repeat(32)

test('control: an operator can sign exactly the arguments that a host accepts', () => {
  const valid = {
    runs: { [agent]: agent },
    command: ['true'],
    env: {},
    limits: { outputBytes: 1 },
  }
  const bad: [string, object][] = [
    ['no command', { command: [] }],
    ['a variable with a blank', { env: { 'A B': commitment } }],
    ['a variable that begins with a digit', { env: { '1A': commitment } }],
    ['a value in clear', { env: { A: 'x' } }],
    [
      'more variables than 256',
      { env: Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`A${n}`, commitment])) },
    ],
    ['an argument beyond its limit', { command: ['x'.repeat(32_769)] }],
    ['a user with a colon', { user: 'root:root' }],
    ['a host with an invalid agent id', { runs: { 'web-1': agent } }],
    ['a run with an invalid run id', { runs: { [agent]: '../x' } }],
    ['half a processor as a fraction', { limits: { outputBytes: 1, cpuMillis: 0.5 } }],
    ['no bound on the output', { limits: {} }],
    ['an unknown key', { privileged: true }],
    ['an unknown limit', { limits: { outputBytes: 1, gpus: 1 } }],
  ]
  for (const env of [{}, { A: commitment }])
    assert.equal(runStartArguments.safeParse({ ...valid, env }).success, true)
  for (const [why, change] of bad)
    assert.equal(runStartArguments.safeParse({ ...valid, ...change }).success, false, why)
  for (const name of ['', '.', '..', '.x', 'a/b', 'a\\b', 'a b', 'ä', 'x'.repeat(65), 'a\n'])
    assert.equal(safeName.safeParse(name).success, false, name)
})

test('control: operators can set only labels that a certificate can hold', () => {
  for (const value of [
    'a',
    'a/b',
    'a b',
    'ä',
    'x'.repeat(63),
    'x'.repeat(200),
    'a:b',
    'a@b',
    'a+b',
    '',
    '-',
    'a=b',
    'a,b',
  ])
    if (labelsMessage.safeParse({ key: value }).success) assert.match(value, LABEL_VALUE, value)
  for (const key of ['a', 'a/b', 'example.org/role', '', '-a', 'a b', 'a=b', 'a,b', 'x'.repeat(64)])
    if (labelsMessage.safeParse({ [key]: '' }).success) assert.match(key, LABEL_KEY, key)
  assert.equal(labelsMessage.safeParse({ role: 'web', 'example.org/site': 'b1' }).success, true)
})

test('control: every verb declares a grantable namespace and its targets', () => {
  for (const [verb, spec] of Object.entries(VERBS)) {
    assert.match(spec.namespace, /^(fleet|repo|snapshot|publish|artifact|run|policy)$/, verb)
    assert.match(verb, /^[a-z]+\.[a-z]+$/)
    assert.equal(
      spec.arguments.safeParse({ unknownKey: 1 }).success,
      false,
      `${verb} takes any argument`,
    )
  }
})
