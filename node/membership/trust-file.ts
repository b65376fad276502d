/** The files of a trust state. Roots, revocations and certificate share one file. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { Checkpoint } from '../../shared/audit/checkpoint.ts'
import type { FollowerStore } from '../../shared/audit/follower.ts'
import { writeDurable } from '../../shared/durable-file.ts'
import { errno } from '../../shared/errno.ts'
import type { Random } from '../../shared/random.ts'
import { storageError, storageFailure, storing } from '../../shared/storage/storage-error.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { fromText, toText } from '../../shared/trust/transport.ts'
import { trustStateError } from './errors.ts'

/** The name of the trust state in errors about the disk. */
export const TRUST_STATE = 'the trust state of this node'

export interface StoredTrust {
  readonly roots: readonly (readonly Signed[])[]
  readonly revocations: readonly Signed[]
  readonly certificate: Signed | undefined
}

export interface TrustFile {
  /** False if there was no file at the start. */
  readonly existed: boolean
  /** The state that counts in this process. After a failed write, it is newer than the file. */
  readonly stored: StoredTrust
  /** True while the file is older than `stored`. */
  readonly behind: boolean
  /**
   * Saves the state. Only one call runs at a time. @throws storage.*; `next` counts nevertheless
   */
  save(next: StoredTrust): Promise<void>
}

/** The form of the file. fromText() checks the statements. */
const content = z.object({
  roots: z.array(z.array(z.unknown())),
  revocations: z.array(z.unknown()),
  certificate: z.unknown(),
})

/**
 * Reads the file. If there is none, `initial` counts and the caller saves it.
 * @throws trust-state.damaged, storage.*
 */
export async function openTrustFile(
  deps: { random: Random },
  path: string,
  initial: StoredTrust,
): Promise<TrustFile> {
  const found = await load(path)
  let stored = found ?? initial
  let behind = false
  const save = async (next: StoredTrust): Promise<void> => {
    try {
      await storing({ what: TRUST_STATE, path }, () => writeDurable(deps, path, toJson(next)))
      behind = false
    } catch (error) {
      if (!storageError.is(error)) throw error
      // Crash now: the file has the older state. A coordinator compares the epochs and sends the
      // rest.
      behind = true
      stored = next
      throw error
    }
    stored = next
  }
  return {
    existed: found !== undefined,
    get stored() {
      return stored
    },
    get behind() {
      return behind
    },
    save,
  }
}

/** Returns the file of the newest checkpoint. `open` checks the note's signatures. */
export function checkpointFile(
  deps: { random: Random },
  path: string,
  open: (note: string) => Checkpoint,
): FollowerStore {
  return {
    load: async () => {
      const note = await readText(path)
      return note === undefined ? undefined : open(note)
    },
    save: (checkpoint) =>
      storing({ what: 'the newest checkpoint', path }, () =>
        writeDurable(deps, path, checkpoint.note),
      ),
  }
}

function toJson({ roots, revocations, certificate }: StoredTrust): string {
  return JSON.stringify({
    roots: roots.map((version) => version.map(toText)),
    revocations: revocations.map(toText),
    certificate: certificate === undefined ? null : toText(certificate),
  })
}

async function load(path: string): Promise<StoredTrust | undefined> {
  const text = await readText(path)
  if (text === undefined) return undefined
  try {
    const { roots, revocations, certificate } = content.parse(JSON.parse(text))
    return {
      roots: roots.map((version) => version.map(fromText)),
      revocations: revocations.map(fromText),
      certificate: certificate === null ? undefined : fromText(certificate),
    }
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** Returns the text, or undefined if the file doesn't exist. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw unreadable(path, error)
  }
}

/** Converts a read error. An error of the disk doesn't show that the file is damaged. */
function unreadable(path: string, cause: unknown): unknown {
  const failure = storageFailure(cause, { what: TRUST_STATE, path, action: 'read' })
  return storageError.is(failure)
    ? failure
    : trustStateError('trust-state.damaged', { path }, { cause })
}
