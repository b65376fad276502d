/**
 * Checks the chain of root statements. A root is accepted if it is pinned and enough of its
 * operators signed the same bytes. A root is also accepted if it is the next version after the
 * known one, contains the known one's digest, and is signed by the threshold of both roots. A
 * returned root is trusted, and its version only increases.
 */
import { sha256Hex } from '../ids.ts'
import { createHash } from 'node:crypto'
import { fingerprintOf } from '../identity/fingerprint.ts'
import type { Fingerprint, FleetId, Sha256 } from '../ids.ts'
import { trustError } from './errors.ts'
import { type AcceptedRevocation, isKeyRevoked } from './revocations.ts'
import { MAX_ROOT_KEYS, operatorsOf, type Root } from './root.ts'
import { readSigned, type Signed } from './signed.ts'

export interface RootState {
  readonly root: Root
  /**
   * The SHA-256 of the statement bytes. It is the root fingerprint in tickets, and the next version
   * contains it.
   */
  readonly digest: Sha256
  /** The statement, once for each signature. */
  readonly signatures: readonly Signed[]
  /**
   * Operators of earlier versions who aren't operators any more, for acceptRevocation. Empty if the
   * chain begins with this root.
   */
  readonly former: readonly Fingerprint[]
}

export function rootDigest(statement: Uint8Array): Sha256 {
  return sha256Hex.parse(createHash('sha256').update(statement).digest('hex'))
}

/**
 * Opens a root without a chain: version 1 of a new fleet, or any version with a pinned digest.
 * @param signatures the same statement, signed by one operator each
 * @throws trust.root, and the errors of {@link readSigned}
 */
export function openRoot(
  signatures: readonly Signed[],
  expect: { fleet?: FleetId; digest?: Sha256 } = {},
): RootState {
  const state = readRoot(signatures)
  if (expect.digest !== undefined && state.digest !== expect.digest)
    throw refuse(state.root, `its fingerprint is ${state.digest}, expected ${expect.digest}`)
  if (expect.fleet !== undefined && state.root.fleet !== expect.fleet)
    throw trustError('trust.fleet', {
      what: 'the root statement',
      expected: expect.fleet,
      got: state.root.fleet,
    })
  if (expect.digest === undefined && state.root.version !== 1)
    throw refuse(state.root, 'it came without a chain from version 1')
  requireThreshold(state, state.root, 'its operators')
  return state
}

/**
 * Opens the root after `current`.
 * @param revocations the current revocations, to accept a new root: signatures of revoked operators
 * don't count. Leave it out for a chain that was accepted long ago, because the order of roots and
 * revocations is unknown then.
 * @throws trust.root unless it is exactly the next version of the same fleet, signed by both
 * thresholds
 */
export function nextRoot(
  current: RootState,
  signatures: readonly Signed[],
  revocations: readonly AcceptedRevocation[] = [],
): RootState {
  const state = readRoot(signatures)
  const { root } = state
  if (root.fleet !== current.root.fleet)
    throw trustError('trust.fleet', {
      what: 'the root statement',
      expected: current.root.fleet,
      got: root.fleet,
    })
  if (root.version === current.root.version && state.digest !== current.digest)
    throw trustError('trust.equivocation', { what: `root version ${root.version}` })
  if (root.version !== current.root.version + 1)
    throw refuse(root, `expected version ${current.root.version + 1}`)
  if (root.previous !== current.digest)
    throw refuse(root, `it follows ${root.previous}, expected ${current.digest}`)
  requireThreshold(
    state,
    current.root,
    `the operators of version ${current.root.version}`,
    revocations,
  )
  requireThreshold(state, root, 'its operators', revocations)
  const operators = operatorsOf(root)
  const former = new Set([...current.former, ...operatorsOf(current.root)])
  return { ...state, former: [...former].filter((key) => !operators.has(key)) }
}

/** Opens the first root and follows the chain to the last. */
export function openRootChain(
  versions: readonly (readonly Signed[])[],
  expect: { fleet?: FleetId; digest?: Sha256 } = {},
): RootState {
  const [first, ...rest] = versions
  return rest.reduce(
    (state, signatures) => nextRoot(state, signatures),
    openRoot(first ?? [], expect),
  )
}

function readRoot(signatures: readonly Signed[]): RootState {
  const first = signatures[0]
  if (first === undefined)
    throw trustError('trust.malformed', { what: 'a root statement', reason: 'it has no signature' })
  // Each signature needs a verification, so there may be at most as many as the keys of two roots.
  if (signatures.length > 2 * MAX_ROOT_KEYS)
    throw trustError('trust.malformed', {
      what: 'a root statement',
      reason: `it has ${signatures.length} signatures, more than ${2 * MAX_ROOT_KEYS}`,
    })
  const root = readSigned(first, 'root')
  for (const signed of signatures) {
    if (!Buffer.from(signed.statement).equals(first.statement))
      throw refuse(root, 'its signatures are over different bytes')
    readSigned(signed, 'root')
  }
  return { root, digest: rootDigest(first.statement), signatures, former: [] }
}

/** Counts operators, not signatures. */
function requireThreshold(
  state: RootState,
  by: Root,
  whose: string,
  revocations: readonly AcceptedRevocation[] = [],
): void {
  const counting = state.signatures.filter(
    (signed) => !isKeyRevoked(revocations, fingerprintOf(signed.key)),
  )
  const signers = new Set(counting.map((signed) => Buffer.from(signed.key).toString('base64')))
  const count = by.operators.filter((operator) => signers.has(operator.key)).length
  if (count < by.threshold)
    throw refuse(state.root, `${count} of ${whose} signed it, expected ${by.threshold}`)
}

function refuse(root: Root, reason: string): Error {
  return trustError('trust.root', { version: root.version, reason })
}
