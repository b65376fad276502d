/** Values that the cases of `/muster/control/1` share. */
export const fill = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)
export const signed = {
  statement: fill(2, 0x7b),
  scheme: 'sshsig',
  key: fill(32, 1),
  signature: fill(64, 2),
}
export const agent = '3f0c1e6a-6a55-4c3b-9f4e-0d9a2b1c7e10'
export const run = '01990000-0000-7000-8000-000000000001'
export const operation = '01990000-0000-7000-8000-0000000000ff'
export const blob = 'ab'.repeat(32)
export const at = '2026-01-31T08:00:00.000Z'
export const later = '2026-01-31T08:00:01.000Z'
export const operator = 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

export const repository = {
  id: 'today',
  type: 'rpm',
  enabled: true,
  upstream: 'https://example.org/today/',
  packages: 2,
  bytes: 4096,
  revision: '17',
  lastSync: { startedAt: at, finishedAt: later, result: 'complete', message: null },
  snapshots: ['2026-11'],
  retention: 'mirror',
  published: 'http://192.0.2.1:8480/repos/today/latest/',
}
export const process = {
  run,
  host: 'web-1',
  agent,
  command: ['echo', 'Grüße'],
  name: null,
  status: 'exited: 0',
  state: 'exited',
  startedAt: at,
  endedAt: later,
  exitCode: 0,
  signal: null,
  outputBytes: 7,
  droppedBytes: 0,
  limits: 'enforced',
  actor: operator,
}
