/**
 * The trust state of a node: the root chain from its pinned root, revocations, the newest
 * checkpoint of the log, and its own certificate. It is durable before it is used. It never goes
 * back: a lower root version, a smaller log or fewer revocations change nothing.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Checkpoint, openCheckpoint } from '../../shared/audit/checkpoint.ts'
import { createFollower, type Follower } from '../../shared/audit/follower.ts'
import { createLane } from '../../shared/concurrency/lanes.ts'
import { fingerprintOf } from '../../shared/identity/fingerprint.ts'
import type { FleetId, Sha256 } from '../../shared/ids.ts'
import type { Random } from '../../shared/random.ts'
import { storageError, storing } from '../../shared/storage/storage-error.ts'
import {
  acceptRevocation,
  isKeyRevoked,
  NOTHING_REVOKED,
  type RevocationState,
} from '../../shared/trust/revocations.ts'
import { nextRoot, openRootChain, type RootState } from '../../shared/trust/root-chain.ts'
import type { Root } from '../../shared/trust/root.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import { createListeners } from '../ground/listeners.ts'
import { checkpointFile, openTrustFile, type StoredTrust, TRUST_STATE } from './trust-file.ts'

export interface TrustNews {
  /** All versions of the root from the first one, each with its signatures. */
  readonly roots?: readonly (readonly Signed[])[]
  readonly revocations?: readonly Signed[]
}

export interface TrustState {
  root(): RootState
  /**
   * Returns public keys of 32 bytes that may sign certificates and checkpoints. None is revoked.
   */
  issuers(): Uint8Array[]
  revocations(): RevocationState
  certificate(): Signed | undefined
  /** The log's newest checkpoint. It accepts only checkpoints that extend it. */
  readonly log: Follower
  /** Opens a checkpoint that an issuer of the root signed. @throws audit.note, audit.checkpoint */
  openCheckpoint(note: string): Checkpoint
  /**
   * Adds newer roots and revocations. Older ones change nothing.
   * @throws trust.* for invalid statements; storage.* if the disk fails. After an error of the
   * disk, the statements count until this process ends, because they only remove rights.
   */
  learn(news: TrustNews): Promise<void>
  /**
   * Replaces this node's certificate. If the disk fails, the new one counts in this process. A
   * coordinator sends another one at the next connection.
   * @throws storage.*
   */
  keepCertificate(certificate: Signed): Promise<void>
  /** Calls `listener` after every change of root or revocations. */
  onChange(listener: () => void): () => void
}

export interface TrustStateOptions {
  /** The folder, with mode 0700. It is created if it is absent. */
  readonly folder: string
  readonly fleet: FleetId
  /** The SHA-256 of the first root statement, from the ticket of this host's enrolment. */
  readonly rootDigest: Sha256
  /**
   * The roots that the coordinator sent at the enrolment. Used at the first start, when there is no
   * file.
   */
  readonly roots?: readonly (readonly Signed[])[]
}

/** The facts that the stored statements prove. */
interface Proved {
  readonly root: RootState
  readonly revoked: RevocationState
}

/**
 * Opens or creates the trust state.
 * @throws trust-state.damaged, storage.*, trust.* if the stored statements do not lead from the
 * pinned root
 */
export async function openTrustState(
  deps: { random: Random },
  options: TrustStateOptions,
): Promise<TrustState> {
  const { folder, fleet } = options
  await storing({ what: TRUST_STATE, path: folder }, () =>
    mkdir(folder, { recursive: true, mode: 0o700 }),
  )
  const initial = { roots: options.roots ?? [], revocations: [], certificate: undefined }
  const file = await openTrustFile(deps, join(folder, 'trust.json'), initial)
  // Only learn() changes this variable, which is the state that counts in this process.
  let proved = prove(file.stored, options)
  // A host that waits for approval must find its root at the next start.
  if (!file.existed) await file.save(file.stored)
  // An accepted checkpoint stays accepted after its issuer was replaced.
  let everIssuers = issuersEver(file.stored.roots)
  const lane = createLane({ name: 'the queue of trust changes' })
  const changes = createListeners<[]>()
  const issuers = (): Uint8Array[] => validIssuers(proved)

  const learn = async (news: TrustNews): Promise<void> => {
    const learned = addNews(proved, file.stored, news)
    if (learned === undefined) return file.behind ? file.save(file.stored) : undefined
    const use = (): void => {
      proved = learned.proved
      everIssuers = issuersEver(file.stored.roots)
      changes.emit()
    }
    try {
      await file.save(learned.stored)
    } catch (error) {
      if (storageError.is(error)) use()
      throw error
    }
    // Crash before this: the file has the news, and the next start uses them.
    use()
  }
  return {
    root: () => proved.root,
    issuers,
    revocations: () => proved.revoked,
    certificate: () => file.stored.certificate,
    log: createFollower(
      checkpointFile(deps, join(folder, 'checkpoint'), (note) =>
        openCheckpoint(note, { fleet, issuers: everIssuers }),
      ),
    ),
    openCheckpoint: (note) => openCheckpoint(note, { fleet, issuers: issuers() }),
    learn: (news) => lane.run(() => learn(news)),
    onChange: changes.on,
    keepCertificate: (certificate) => lane.run(() => file.save({ ...file.stored, certificate })),
  }
}

function prove(
  { roots, revocations }: StoredTrust,
  { fleet, rootDigest }: TrustStateOptions,
): Proved {
  const root = openRootChain(roots, { fleet, digest: rootDigest })
  const revoked = revocations.reduce(
    (state, signed) => acceptRevocation(state, root.root, signed, root.former),
    NOTHING_REVOKED,
  )
  return { root, revoked }
}

/** Returns the state with the additions, or undefined if nothing is new. @throws trust.* */
function addNews(
  known: Proved,
  stored: StoredTrust,
  { roots = [], revocations = [] }: TrustNews,
): { readonly proved: Proved; readonly stored: StoredTrust } | undefined {
  const newRoots = roots.slice(stored.roots.length)
  // Signatures of operators that were revoked before these additions don't count.
  const root = newRoots.reduce(
    (state, version) => nextRoot(state, version, known.revoked.accepted),
    known.root,
  )
  let { revoked } = known
  const added: Signed[] = []
  for (const signed of revocations) {
    const next = acceptRevocation(revoked, root.root, signed, root.former)
    if (next !== revoked) added.push(signed)
    revoked = next
  }
  if (root === known.root && added.length === 0) return undefined
  return {
    proved: { root, revoked },
    stored: {
      ...stored,
      roots: [...stored.roots, ...newRoots],
      revocations: [...stored.revocations, ...added],
    },
  }
}

function validIssuers({ root, revoked }: Proved): Uint8Array[] {
  return root.root.issuers
    .map(keyOf)
    .filter((key) => !isKeyRevoked(revoked.accepted, fingerprintOf(key)))
}

/** Returns the issuing keys of every root version, each once. */
function issuersEver(roots: StoredTrust['roots']): Uint8Array[] {
  const issuers = roots.flatMap(([first]) =>
    first === undefined ? [] : readSigned(first, 'root').issuers,
  )
  const unique = new Map(issuers.map((issuer) => [issuer.key, issuer]))
  return [...unique.values()].map(keyOf)
}

function keyOf({ key }: Root['issuers'][number]): Uint8Array {
  return new Uint8Array(Buffer.from(key, 'base64'))
}
