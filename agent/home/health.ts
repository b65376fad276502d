/**
 * Whether this host's disk takes what the agent has to write. Free space is looked at all the time;
 * a write is tried only after one failed, until one succeeds. So a disk that is full, read-only or
 * broken is reported while it is, and no longer.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Trouble } from '../../protocols/hello/messages.ts'
import type { Clock } from '../../shared/clock.ts'
import { writeDurable } from '../../shared/durable-file.ts'
import type { MusterError } from '../../shared/errors.ts'
import { isFull } from '../../shared/free-space.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Random } from '../../shared/random.ts'
import { storageError, storageFailure } from '../../shared/storage/storage-error.ts'
import { KIB } from '../../shared/units.ts'

/** One statfs(2) each. */
const LOOK_MS = 10_000
/** While something is wrong, a write is tried this often: people wait for it. */
const AGAIN_MS = 2_000
/** Of the file that is tried: more than a file system keeps inside of an inode. */
const TRIED_BYTES = 4 * KIB
const TRIED = '.write-test'

export interface Health {
  /** What is wrong now; undefined while the disk takes what is written. */
  trouble(): Trouble | undefined
  /** Looks at once: call it when a write failed. */
  look(): void
  close(): Promise<void>
}

export interface HealthOptions {
  /** The agent's home, and its pool where that is on another file system. Each must exist. */
  readonly folders: readonly string[]
  /** Called after {@link Health.trouble} changed. */
  readonly changed: () => void
}

export function watchHealth(
  deps: { clock: Clock; random: Random; log: Logger },
  options: HealthOptions,
): Health {
  const { clock, log } = deps
  // Owned by inspect(), which runs once at a time.
  let trouble: Trouble | undefined
  let last: Promise<void> = Promise.resolve()
  let suspicious = false
  let closed = false

  const inspect = async (): Promise<void> => {
    if (closed) return
    const failure = await firstFailure(deps, options.folders, suspicious)
    suspicious = failure !== undefined
    const next = failure === undefined ? undefined : troubleOf(failure)
    if (next?.code === trouble?.code && next?.path === trouble?.path) return
    trouble = next
    if (failure === undefined) log.info({}, 'the disk takes what is written again')
    else log.error({ error: failure }, 'this host cannot write to its disk')
    options.changed()
  }
  const queue = (): void => {
    last = last
      .then(inspect)
      .catch((error: unknown) => log.warn({ error }, 'the disk was not looked at'))
  }
  const stops = [
    clock.every(LOOK_MS, queue),
    clock.every(AGAIN_MS, () => {
      if (suspicious) queue()
    }),
  ]
  queue()
  return {
    trouble: () => trouble,
    look: () => {
      suspicious = true
      queue()
    },
    close: () => {
      closed = true
      for (const stop of stops) stop()
      return last
    },
  }
}

async function firstFailure(
  deps: { random: Random },
  folders: readonly string[],
  isSuspicious: boolean,
): Promise<MusterError | undefined> {
  for (const path of folders) {
    const failure =
      (await spaceFailure(path)) ?? (isSuspicious ? await tryWriting(deps, path) : undefined)
    if (failure !== undefined) return failure
  }
  return undefined
}

async function spaceFailure(path: string): Promise<MusterError | undefined> {
  return (await isFull(path))
    ? asFailure(Object.assign(new Error('no space'), { code: 'ENOSPC' }), path)
    : undefined
}

async function tryWriting(
  deps: { random: Random },
  folder: string,
): Promise<MusterError | undefined> {
  const path = join(folder, TRIED)
  try {
    await writeDurable(deps, path, deps.random.bytes(TRIED_BYTES))
    await rm(path, { force: true })
    // Crash before this: the file stays, and the next attempt replaces it.
    return undefined
  } catch (error) {
    return asFailure(error, folder)
  }
}

function asFailure(error: unknown, path: string): MusterError {
  const failure = storageFailure(error, { what: "the agent's folder", path })
  if (storageError.is(failure)) return failure
  throw failure
}

function troubleOf({ code, data }: MusterError): Trouble {
  return {
    code,
    what: String(data['what']),
    path: String(data['path']).slice(0, 512),
    reason: String(data['reason']),
  }
}
