/**
 * Verifies that a sequence of entries is a log of one fleet: it begins with the root statement,
 * every statement has a valid signature and belongs to this fleet, the coordinators' statements are
 * signed by issuing keys of the current root, later roots follow the rules of root-chain.ts, and
 * time never steps back. Entries must come in order.
 */
import { defined } from '../defined.ts'
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
   * Checks the next entry and returns it decoded. After an error, a caller may check the next
   * entry.
   * @throws audit.entry with its index
   */
  next(bytes: Uint8Array): Entry
  /** Checks that the last root has enough signatures. @throws audit.entry */
  finish(): void
  /** The current root. Undefined before enough signatures of operators were read. */
  root(): RootState | undefined
  /** The number of entries so far. */
  size(): number
  /** The fingerprints of the hosts' keys: keys that signed outcomes and aren't issuing keys. */
  hostKeys(): readonly string[]
}

/** The maximum number of host keys in the report. */
const MAX_HOST_KEYS = 10_000

export function createEntryChain(expect: { fleet?: FleetId; root?: Sha256 } = {}): EntryChain {
  // Owned by next().
  let index = 0
  let lastAt = 0
  const roots = new RootGatherer(expect)
  const hostKeys = new Set<string>()

  const check = (entry: Entry): void => {
    const { signed, kind } = statementOf(entry, index)
    if (kind === 'root') return roots.add(signed, index)
    const { root } = roots.complete()
    const body = readSigned(signed, kind, { fleet: root.fleet })
    if ('operation' in body && body.operation !== entry.operation)
      throw badEntry(index, 'it and its statement name different operations')
    if (kind === 'trust' || kind === 'certificate') requireIssuer(signed, root, 'it')
    if (kind === 'outcome' || kind === 'facts') {
      const key = Buffer.from(signed.key).toString('base64')
      if (!root.issuers.some((issuer) => issuer.key === key) && hostKeys.size < MAX_HOST_KEYS)
        hostKeys.add(fingerprintOf(signed.key))
    }
  }
  const take = (bytes: Uint8Array): Entry => {
    const entry = decodeEntry(bytes, index)
    if (index === 0 && entry.type !== 'root')
      throw badEntry(index, 'the log does not begin with a root statement')
    const at = entryTime(entry)
    if (at < lastAt) throw badEntry(index, 'its time is before that of the entry before it')
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
        throw badEntry(index, error.message, error)
      } finally {
        index += 1
      }
    },
    finish: () => roots.requireComplete(),
    root: () => roots.root,
    size: () => index,
    hostKeys: () => [...hostKeys],
  }
}

/**
 * Collects the signatures of root statements. Each entry has one operator's signature. The root is
 * valid once it has enough of them.
 */
class RootGatherer {
  readonly #expect: { readonly fleet?: FleetId; readonly root?: Sha256 }
  #root: RootState | undefined
  /**
   * The signatures of a root that has too few of them, the index of the first one, and the error.
   */
  #gathering: { from: number; signatures: Signed[]; fault: MusterError } | undefined

  constructor(expect: { fleet?: FleetId; root?: Sha256 }) {
    this.#expect = expect
  }

  get root(): RootState | undefined {
    return this.#root
  }

  add(signed: Signed, index: number): void {
    const { fleet, root: digest } = this.#expect
    readSigned(signed, 'root', defined({ fleet }))
    if (this.#root !== undefined && sameStatement(this.#root.signatures, signed)) return
    const known = this.#gathering
    if (known !== undefined && !sameStatement(known.signatures, signed)) throw this.#incomplete()
    const signatures = [...(known?.signatures ?? []), signed]
    // Each further signature is verified together with all earlier ones. A valid root has at most
    // one per key.
    if (signatures.length > MAX_ROOT_KEYS) throw this.#incomplete()
    try {
      this.#root =
        this.#root === undefined
          ? openRoot(signatures, defined({ digest }))
          : nextRoot(this.#root, signatures)
      this.#gathering = undefined
    } catch (fault) {
      if (!(fault instanceof MusterError)) throw fault
      this.#gathering = { from: known?.from ?? index, signatures, fault }
    }
  }

  /**
   * Returns the current root. @throws audit.entry if there is none, or its successor is incomplete
   */
  complete(): RootState {
    if (this.#root === undefined) throw this.#incomplete()
    this.requireComplete()
    return this.#root
  }

  /** @throws audit.entry if a root statement has too few signatures */
  requireComplete(): void {
    if (this.#gathering !== undefined) throw this.#incomplete()
  }

  #incomplete(): Error {
    const fault = this.#gathering?.fault
    const reason = fault?.message ?? 'it is not a root statement'
    return badEntry(this.#gathering?.from ?? 0, reason, fault)
  }
}

function badEntry(index: number, reason: string, cause?: unknown): Error {
  return auditError('audit.entry', { index, reason }, { cause })
}

function sameStatement(signatures: readonly Signed[], signed: Signed): boolean {
  return signatures.every((other) => Buffer.from(other.statement).equals(signed.statement))
}
