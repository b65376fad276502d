/**
 * What a node believes of its fleet: the root chain from the one it pinned, revocations, the newest
 * checkpoint of the log, and its own certificate. Durable before it is used and monotone: a lower
 * root version, a smaller log or a shorter list of revocations changes nothing.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Checkpoint, openCheckpoint } from '../../shared/audit/checkpoint.ts'
import { createFollower, type Follower } from '../../shared/audit/follower.ts'
import { createLane } from '../../shared/concurrency/lanes.ts'
import { writeDurable } from '../../shared/durable-file.ts'
import { defineErrors } from '../../shared/errors.ts'
import { fingerprintOf } from '../../shared/identity/fingerprint.ts'
import type { FleetId, Sha256 } from '../../shared/ids.ts'
import type { Random } from '../../shared/random.ts'
import { storageError, storageFailure, storing } from '../../shared/storage/storage-error.ts'
import {
  acceptRevocation,
  isKeyRevoked,
  NOTHING_REVOKED,
  type RevocationState,
} from '../../shared/trust/revocations.ts'
import { nextRoot, openRootChain, type RootState } from '../../shared/trust/root-chain.ts'
import type { Root } from '../../shared/trust/root.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import { fromText, type SignedText, toText } from '../../shared/trust/transport.ts'

export const trustStateError = defineErrors({
  'trust-state.damaged': {
    exit: 'failed',
    message: (d: { path: string }) => `what this node knows of its fleet cannot be read: ${d.path}`,
    hint: () => 'restore the file, or join again with an empty home',
  },
})

export interface TrustState {
  root(): RootState
  /**
   * Public keys that sign certificates and checkpoints, 32 bytes each; those that were revoked sign
   * nothing any more.
   */
  issuers(): Uint8Array[]
  revocations(): RevocationState
  certificate(): Signed | undefined
  /** The newest checkpoint; accepts only what extends it. */
  readonly log: Follower
  /** A checkpoint note signed by one of the root's issuers. @throws audit.note, audit.checkpoint */
  openCheckpoint(note: string): Checkpoint
  /**
   * Takes in newer roots and revocations; older ones change nothing.
   * @throws trust.* for what does not check out; storage.* where the disk does not take it: it
   *   counts all the same until this process ends, because it only ever takes rights away
   */
  learn(news: {
    roots?: readonly (readonly Signed[])[]
    revocations?: readonly Signed[]
  }): Promise<void>
  /**
   * The certificate counts from now on, also where the disk does not take it: a coordinator gives
   * another one with the next connection.
   * @throws storage.*
   */
  keepCertificate(certificate: Signed): Promise<void>
  /** Calls `listener` when other roots or revocations hold, however this node heard of them. */
  onChange(listener: () => void): () => void
}

/** In errors of the disk. */
const WHAT = 'what this node knows of its fleet'

interface Stored {
  readonly roots: readonly (readonly Signed[])[]
  readonly revocations: readonly Signed[]
  readonly certificate: Signed | undefined
}

export interface TrustStateOptions {
  /** 0700, made if it is absent. */
  readonly folder: string
  readonly fleet: FleetId
  /** The first root statement's SHA-256, from the ticket that the host joined with. */
  readonly rootDigest: Sha256
  /** For a node that starts without a file: what the coordinator sent when it joined. */
  readonly roots?: readonly (readonly Signed[])[]
}

/**
 * @throws trust-state.damaged, storage.*, trust.* where the stored statements do not lead from the
 *   pinned root
 */
export async function openTrustState(
  deps: { random: Random },
  options: TrustStateOptions,
): Promise<TrustState> {
  const file = join(options.folder, 'trust.json')
  const checkpointFile = join(options.folder, 'checkpoint')
  await storing({ what: WHAT, path: options.folder }, () =>
    mkdir(options.folder, { recursive: true, mode: 0o700 }),
  )
  // Owned by learn() and keepCertificate(), which run one after another in `lane`.
  const found = await load(file)
  let stored = found ?? { roots: options.roots ?? [], revocations: [], certificate: undefined }
  let root = openRootChain(stored.roots, { fleet: options.fleet, digest: options.rootDigest })
  let revoked = stored.revocations.reduce(
    (state, signed) => acceptRevocation(state, root.root, signed, root.former),
    NOTHING_REVOKED,
  )
  const lane = createLane({ name: 'the queue of trust changes' })
  const listeners = new Set<() => void>()

  // Owned by save(): true while the file is older than `stored`, because the disk failed.
  let behind = false
  const save = async (next: Stored): Promise<void> => {
    try {
      await storing({ what: WHAT, path: file }, () =>
        writeDurable(deps, file, JSON.stringify(toFile(next))),
      )
      behind = false
    } catch (error) {
      if (!storageError.is(error)) throw error
      // Crash now: the file has the older news, and a coordinator brings the rest by its epoch.
      behind = true
      stored = next
      throw error
    }
    stored = next
  }
  // A host that waits for approval learns nothing more before it starts again, and must find its
  // root then.
  if (found === undefined) await save(stored)
  const issuers = (): Uint8Array[] =>
    issuersOf(root.root).filter((key) => !isKeyRevoked(revoked.accepted, fingerprintOf(key)))
  const open = (note: string): Checkpoint =>
    openCheckpoint(note, { fleet: options.fleet, issuers: issuers() })
  // What was accepted stays accepted: the key that signed it may have been replaced since.
  let everIssuers = issuersEver(stored.roots)
  const openAccepted = (note: string): Checkpoint =>
    openCheckpoint(note, { fleet: options.fleet, issuers: everIssuers })

  const log = createFollower({
    load: async () => {
      const note = await readFile(checkpointFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined
        throw unreadable(checkpointFile, error)
      })
      return note === undefined ? undefined : openAccepted(note)
    },
    save: (checkpoint) =>
      storing({ what: 'the newest checkpoint', path: checkpointFile }, () =>
        writeDurable(deps, checkpointFile, checkpoint.note),
      ),
  })

  return {
    root: () => root,
    issuers,
    revocations: () => revoked,
    certificate: () => stored.certificate,
    log,
    openCheckpoint: open,
    learn: ({ roots = [], revocations = [] }) =>
      lane.run(async () => {
        let newest = root
        const known = stored.roots.length
        // A revoked operator's signature does not make a new root; who was revoked is what this
        // node knew before these news.
        for (const version of roots.slice(known))
          newest = nextRoot(newest, version, revoked.accepted)
        let after = revoked
        const added: Signed[] = []
        for (const signed of revocations) {
          const next = acceptRevocation(after, newest.root, signed, newest.former)
          if (next !== after) added.push(signed)
          after = next
        }
        if (newest === root && added.length === 0) return behind ? save(stored) : undefined
        const believe = (): void => {
          root = newest
          revoked = after
          everIssuers = issuersEver(stored.roots)
          for (const listener of listeners) listener()
        }
        try {
          await save({
            ...stored,
            roots: [...stored.roots, ...roots.slice(known)],
            revocations: [...stored.revocations, ...added],
          })
        } catch (error) {
          if (storageError.is(error)) believe()
          throw error
        }
        // Crash before this: the file holds the news and the next start believes them.
        believe()
      }),
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    keepCertificate: (certificate) => lane.run(() => save({ ...stored, certificate })),
  }
}

function issuersOf(root: Root): Uint8Array[] {
  return root.issuers.map((issuer) => new Uint8Array(Buffer.from(issuer.key, 'base64')))
}

/** The issuing keys of every root version, each once. */
function issuersEver(roots: Stored['roots']): Uint8Array[] {
  const keys = roots.flatMap((version) =>
    readSigned(version[0] as Signed, 'root').issuers.map((issuer) => issuer.key),
  )
  return [...new Set(keys)].map((key) => new Uint8Array(Buffer.from(key, 'base64')))
}

interface File {
  readonly roots: readonly (readonly SignedText[])[]
  readonly revocations: readonly SignedText[]
  readonly certificate: SignedText | null
}

function toFile(stored: Stored): File {
  return {
    roots: stored.roots.map((version) => version.map(toText)),
    revocations: stored.revocations.map(toText),
    certificate: stored.certificate === undefined ? null : toText(stored.certificate),
  }
}

async function load(path: string): Promise<Stored | undefined> {
  try {
    const { roots, revocations, certificate } = JSON.parse(await readFile(path, 'utf8')) as File
    return {
      roots: roots.map((version) => version.map(fromText)),
      revocations: revocations.map(fromText),
      certificate: certificate === null ? undefined : fromText(certificate),
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unreadable(path, error)
  }
}

/** An error of the disk does not mean that the file is damaged. */
function unreadable(path: string, cause: unknown): unknown {
  const failure = storageFailure(cause, { what: WHAT, path, action: 'read' })
  return storageError.is(failure)
    ? failure
    : trustStateError('trust-state.damaged', { path }, { cause })
}
