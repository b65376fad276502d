/**
 * Checks whether the agent can write to its disk. It checks the free space periodically. After a
 * failed write it also makes test writes until one succeeds. A problem is reported while it lasts.
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

/** A check is one statfs(2) for each folder. */
const CHECK_MS = 10_000
/**
 * The interval of test writes after a failure. It is short, because operators wait until the host
 * can write again.
 */
const RETRY_MS = 2_000
/**
 * Larger than the content that a file system can store in the inode, so that the test needs disk
 * space.
 */
const TEST_BYTES = 4 * KIB
const TEST_FILE = '.write-test'

export interface Health {
  /** Returns the current problem, or undefined while the agent can write. */
  trouble(): Trouble | undefined
  /** Checks at once. Call it when a write failed. */
  look(): void
  close(): Promise<void>
}

export interface HealthOptions {
  /** The agent's home and its pool, which may be on another file system. Each must exist. */
  readonly folders: readonly string[]
  /** Called after {@link Health.trouble} changed. */
  readonly changed: () => void
}

export function watchHealth(
  deps: { clock: Clock; random: Random; log: Logger },
  options: HealthOptions,
): Health {
  const { clock, log } = deps
  // Only inspect() changes these variables. Its calls never overlap.
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
    if (failure === undefined) log.info({}, 'this host can write to its disk again')
    else log.error({ error: failure }, 'this host cannot write to its disk')
    options.changed()
  }
  const queue = (): void => {
    last = last
      .then(inspect)
      .catch((error: unknown) => log.warn({ error }, 'the disk was not checked'))
  }
  const stops = [
    clock.every(CHECK_MS, queue),
    clock.every(RETRY_MS, () => {
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
  const path = join(folder, TEST_FILE)
  try {
    await writeDurable(deps, path, deps.random.bytes(TEST_BYTES))
    await rm(path, { force: true })
    // Crash before this: the file stays, and the next test replaces it.
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
