/**
 * Checks statements with a limited validity: node certificates, session delegations and intents.
 * They are checked against the fleet's root, its revocations and the time. A returned intent is
 * genuine and fresh. authorize.ts decides whether it is allowed.
 */
import { parseRfc3339, rfc3339 } from '../clock.ts'
import { fingerprintOf } from '../identity/fingerprint.ts'
import type { FleetId } from '../ids.ts'
import type { Certificate } from './certificate.ts'
import { trustError } from './errors.ts'
import type { Intent } from './intent.ts'
import { type AcceptedRevocation, isAgentRevoked, isKeyRevoked } from './revocations.ts'
import type { Root } from './root.ts'
import type { Session } from './session.ts'
import { readSigned, type Signed } from './signed.ts'

/**
 * The time by which the signer's clock may be ahead of the reader's. The end of a validity has no
 * such tolerance.
 */
export const CLOCK_SKEW_MS = 2 * 60_000

/**
 * Checks a node certificate: signed by an issuing key of the root, valid now and not revoked.
 * @param state.at milliseconds since the epoch
 * @throws trust.issuer, trust.too-early, trust.expired, trust.revoked, and the errors of {@link
 * readSigned}
 */
export function checkCertificate(
  signed: Signed,
  state: { root: Root; revocations: readonly AcceptedRevocation[]; at: number },
): Certificate {
  const what = 'the node certificate'
  const certificate = readSigned(signed, 'certificate', { fleet: state.root.fleet })
  requireIssuer(signed, state.root, what)
  requireTime(what, certificate.notBefore, certificate.notAfter, state.at)
  const subject = fingerprintOf(Buffer.from(certificate.subject, 'base64'))
  for (const key of [subject, fingerprintOf(signed.key)])
    if (isKeyRevoked(state.revocations, key))
      throw trustError('trust.revoked', { what, target: key })
  if (certificate.agent !== null && isAgentRevoked(state.revocations, certificate.agent))
    throw trustError('trust.revoked', { what, target: certificate.agent })
  return certificate
}

/**
 * Throws trust.issuer unless an issuing key of the root signed. For certificates, checkpoints and
 * the coordinator's own statements.
 */
export function requireIssuer(signed: Pick<Signed, 'key'>, root: Root, what: string): void {
  const key = Buffer.from(signed.key).toString('base64')
  if (!root.issuers.some((issuer) => issuer.key === key))
    throw trustError('trust.issuer', { what, key: fingerprintOf(signed.key) })
}

/**
 * Checks a session delegation for this coordinator. authorize.ts decides each request of the
 * session.
 * @throws trust.other-coordinator, trust.too-early, trust.expired, trust.revoked, and the errors of
 * {@link readSigned}
 */
export function checkSession(
  signed: Signed,
  state: {
    fleet: FleetId
    coordinator: string
    revocations: readonly AcceptedRevocation[]
    at: number
  },
): Session {
  const what = 'the session'
  const session = readSigned(signed, 'session', { fleet: state.fleet })
  if (session.coordinator !== state.coordinator)
    throw trustError('trust.other-coordinator', {
      expected: state.coordinator,
      got: session.coordinator,
    })
  requireTime(what, session.notBefore, session.notAfter, state.at)
  if (isKeyRevoked(state.revocations, session.actor))
    throw trustError('trust.revoked', { what, target: session.actor })
  return session
}

/**
 * Checks that an intent is genuine and fresh.
 * @param state.at to act: the current time. To audit: the time of the log entry, never a time that
 * the intent claims.
 * @throws trust.too-early, trust.expired, and the errors of {@link readSigned}
 */
export function checkIntent(signed: Signed, state: { fleet: FleetId; at: number }): Intent {
  const intent = readSigned(signed, 'intent', { fleet: state.fleet })
  requireTime('the intent', intent.issuedAt, intent.expiresAt, state.at)
  return intent
}

function requireTime(what: string, from: string, until: string, at: number): void {
  if (at < parseRfc3339(from) - CLOCK_SKEW_MS)
    throw trustError('trust.too-early', { what, from, at: rfc3339(at) })
  // This form of the condition also rejects NaN.
  if (!(at < parseRfc3339(until)))
    throw trustError('trust.expired', { what, until, at: rfc3339(at) })
}
