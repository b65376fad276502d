/**
 * Verifies that a sequence of entries is a log of one fleet: it begins with the root statement,
 * every statement has a valid signature and belongs to this fleet, the coordinators' statements are
 * signed by issuing keys of the current root, later roots follow the rules of root-chain.ts, and
 * time never steps back. Entries must come in order.
 */
import { MusterError } from '../errors.ts'
import { fingerprintOf } from '../identity/fingerprint.ts'
import type { FleetId, Sha256 } from '../ids.ts'
import { requireIssuer } from '../trust/credentials.ts'
import { nextRoot, openRoot, type RootState } from '../trust/root-chain.ts'
import { MAX_ROOT_KEYS } from '../trust/root.ts'
import { readSigned, type Signed } from '../trust/signed.ts'
import { decodeEntry, type Entry, entryTime, statementOf } from './entry.ts'
import { auditError } from './errors.ts'

export interface EntryChain {
  /**
   * Checks the next entry and returns it decoded. After an error, the next entry can still be
   * checked.
   * @throws audit.entry with its index
   */
  next(bytes: Uint8Array): Entry
  /** Checks that no root is left incomplete. @throws audit.entry */
  finish(): void
  /** The current root. Undefined before enough operators' signatures were read. */
  root(): RootState | undefined
  /** Entries so far. */
  size(): number
  /** Fingerprints of the keys that signed outcomes and aren't issuing keys: the hosts' keys. */
  hostKeys(): readonly string[]
}

/** Limit of host keys in the report. */
const MAX_HOST_KEYS = 10_000

export function createEntryChain(expect: { fleet?: FleetId; root?: Sha256 } = {}): EntryChain {
  // Owned by next().
  let index = 0
  let lastAt = 0
  let root: RootState | undefined
  /**
   * Signatures under a root statement that aren't enough yet, the index of the first, and why they
   * aren't enough.
   */
  let gathering: { from: number; signatures: Signed[]; fault: MusterError } | undefined
  const hostKeys = new Set<string>()

  /**
   * Each entry carries one operator's signature under a root. The root is valid once it has enough
   * of them.
   */
  const gather = (signed: Signed): void => {
    readSigned(signed, 'root', expect.fleet === undefined ? {} : { fleet: expect.fleet })
    if (root !== undefined && sameStatement(root.signatures, signed)) return
    if (gathering !== undefined && !sameStatement(gathering.signatures, signed)) throw incomplete()
    const signatures = [...(gathering?.signatures ?? []), signed]
    // Each further signature is verified with all before it. A valid root has at most one per key.
    if (signatures.length > MAX_ROOT_KEYS) throw incomplete()
    try {
      root =
        root === undefined
          ? openRoot(signatures, expect.root === undefined ? {} : { digest: expect.root })
          : nextRoot(root, signatures)
      gathering = undefined
    } catch (fault) {
      if (!(fault instanceof MusterError)) throw fault
      gathering = { from: gathering?.from ?? index, signatures, fault }
    }
  }

  const incomplete = (): Error =>
    auditError(
      'audit.entry',
      {
        index: gathering?.from ?? 0,
        reason: gathering?.fault.message ?? 'it is not a root statement',
      },
      { cause: gathering?.fault },
    )

  const check = (entry: Entry): void => {
    const { signed, kind } = statementOf(entry, index)
    if (kind === 'root') return gather(signed)
    if (root === undefined || gathering !== undefined) throw incomplete()
    const body = readSigned(signed, kind, { fleet: root.root.fleet })
    if ('operation' in body && body.operation !== entry.operation)
      throw auditError('audit.entry', {
        index,
        reason: 'it and its statement name different operations',
      })
    if (kind === 'trust' || kind === 'certificate') requireIssuer(signed, root.root, 'it')
    if (kind === 'outcome' || kind === 'facts') {
      const key = Buffer.from(signed.key).toString('base64')
      if (!root.root.issuers.some((issuer) => issuer.key === key) && hostKeys.size < MAX_HOST_KEYS)
        hostKeys.add(fingerprintOf(signed.key))
    }
  }

  const take = (bytes: Uint8Array): Entry => {
    const entry = decodeEntry(bytes, index)
    if (index === 0 && entry.type !== 'root')
      throw auditError('audit.entry', {
        index,
        reason: 'the log does not begin with a root statement',
      })
    const at = entryTime(entry)
    if (at < lastAt)
      throw auditError('audit.entry', {
        index,
        reason: 'its time is before that of the entry before it',
      })
    check(entry)
    lastAt = at
    return entry
  }

  return {
    next(bytes) {
      try {
        return take(bytes)
      } catch (error) {
        if (!(error instanceof MusterError) || auditError.is(error, 'audit.entry')) throw error
        throw auditError('audit.entry', { index, reason: error.message }, { cause: error })
      } finally {
        index += 1
      }
    },
    finish() {
      if (gathering !== undefined) throw incomplete()
    },
    root: () => root,
    size: () => index,
    hostKeys: () => [...hostKeys],
  }
}

function sameStatement(signatures: readonly Signed[], signed: Signed): boolean {
  return signatures.every((other) => Buffer.from(other.statement).equals(signed.statement))
}
