/**
 * Creates statements for tests: one valid body of every kind, all of one fleet with a root. Each
 * call creates new bodies, so a test may change them.
 */
import { rfc3339 } from '../clock.ts'
import type { AgentId, FleetId, OperationId, Sha256 } from '../ids.ts'
import type { NodeKey, Signer } from '../identity/signer.ts'
import { keyFromSeed } from '../identity/signer.ts'
import { peerIdOfKey } from '../identity/peer-id.ts'
import type { Kind } from '../trust/kinds.ts'
import { type Signed, signStatement, type Unsigned } from '../trust/signed.ts'

export const TEST_FLEET = '0123456789abcdef0123456789abcdef' as FleetId
export const OTHER_FLEET = 'fedcba9876543210fedcba9876543210' as FleetId
export const TEST_AGENT = '3f0c1e6a-6a55-4c3b-9f4e-0d9a2b1c7e10' as AgentId
export const TEST_OPERATION = '01990000-0000-7000-8000-000000000001' as OperationId
/** 2026-01-31T08:00:00.000Z: the time at which every sample is valid. */
export const TEST_TIME = 1_769_846_400_000

/** Returns the same key for the same number, 0 to 255. */
export function testKey(number: number): NodeKey {
  return keyFromSeed(new Uint8Array(32).fill(number), `test key ${number}`)
}

export const base64Key = (signer: Signer): string =>
  Buffer.from(signer.publicKey).toString('base64')
/** Returns a time in a statement's format, `minutes` after {@link TEST_TIME}. */
export const minutesLater = (minutes: number): string => rfc3339(TEST_TIME + minutes * 60_000)
/** Returns a UUID with the given last digits. */
export const testUuid = (number: number): string =>
  `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`

/** Returns a body of the kind that `signer` may sign. */
export function sampleBody<K extends Kind>(kind: K, signer: Signer): Unsigned<K> {
  const bodies: { readonly [Each in Kind]: () => Unsigned<Each> } = {
    root: () => ({
      fleet: TEST_FLEET,
      version: 1,
      threshold: 1,
      operators: [{ key: base64Key(signer), name: 'operator' }],
      issuers: [{ key: base64Key(testKey(200)), name: 'coordinator' }],
      previous: null,
    }),
    grant: () => ({
      fleet: TEST_FLEET,
      id: testUuid(1),
      issuer: signer.fingerprint,
      subject: testKey(201).fingerprint,
      namespace: 'run',
      level: 'observe',
      selector: { all: true },
      notBefore: minutesLater(-1),
      notAfter: minutesLater(60),
      depth: 0,
      parent: null,
      epoch: 0,
    }),
    revocation: () => ({
      fleet: TEST_FLEET,
      id: testUuid(2),
      kind: 'grant',
      target: testUuid(1),
      epoch: 1,
      issuer: signer.fingerprint,
    }),
    session: () => ({
      fleet: TEST_FLEET,
      key: base64Key(testKey(202)),
      actor: signer.fingerprint,
      coordinator: peerIdOfKey(testKey(203).publicKey),
      notBefore: minutesLater(0),
      notAfter: minutesLater(12 * 60),
    }),
    intent: () => ({
      fleet: TEST_FLEET,
      operation: TEST_OPERATION,
      actor: signer.fingerprint,
      verb: 'run.start',
      namespace: 'run',
      targets: [TEST_AGENT],
      arguments: {
        command: ['echo', 'Grüße, "world"'],
        cwd: null,
        env: { LANG: 'C' },
        runs: { [TEST_AGENT]: testUuid(3) },
      },
      issuedAt: minutesLater(0),
      expiresAt: minutesLater(5),
    }),
    certificate: () => ({
      fleet: TEST_FLEET,
      serial: testUuid(4),
      subject: base64Key(testKey(204)),
      role: 'agent',
      agent: TEST_AGENT,
      name: 'a1',
      labels: { role: 'web' },
      epoch: 1,
      notBefore: minutesLater(-5),
      notAfter: minutesLater(24 * 60),
    }),
    outcome: () => ({
      fleet: TEST_FLEET,
      operation: TEST_OPERATION,
      verb: 'run.start',
      target: TEST_AGENT,
      result: 'done',
      detail: { pid: 17 },
      at: minutesLater(1),
    }),
    facts: () => ({
      fleet: TEST_FLEET,
      agent: TEST_AGENT,
      epoch: 1,
      sequence: 0,
      root: 'ab'.repeat(32) as Sha256,
      kind: 'events',
      payload: null,
      events: [{ event: 'install', name: 'openssl' }],
      at: minutesLater(1),
    }),
    collection: () => ({
      fleet: TEST_FLEET,
      agent: TEST_AGENT,
      epoch: 1,
      sequence: 0,
      at: minutesLater(1),
      managers: [{ name: 'rpm', state: 'read', packages: 1 }],
      problems: [],
    }),
    trust: () => ({
      fleet: TEST_FLEET,
      event: 'enrolled',
      agent: TEST_AGENT,
      actor: null,
      operation: null,
      detail: { name: 'a1' },
      at: minutesLater(1),
    }),
  }
  return bodies[kind]()
}

/** Returns a valid statement of the kind, with some changed fields. */
export function signedSample<K extends Kind>(
  kind: K,
  signer: Signer,
  changes: Partial<Unsigned<K>> = {},
): Promise<Signed> {
  return signStatement(signer, kind, { ...sampleBody(kind, signer), ...changes })
}
