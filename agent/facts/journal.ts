/**
 * The agent's own history of its host: which set it saw last, under which (epoch, sequence), and
 * the updates that led there, on disk before anybody hears of them. After a crash or a restart it
 * goes on where it was; after the loss of its disk, or a return to an old copy of it, it begins a
 * new epoch as soon as a coordinator shows that it knows more. One process at a time: the agent's
 * home is locked.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalJson } from '../../shared/canonical-json.ts'
import type { Json } from '../../shared/canonical-json.ts'
import { rfc3339 } from '../../shared/clock.ts'
import type { Clock } from '../../shared/clock.ts'
import { boundTimes, MAX_EPOCH_JUMP } from '../../shared/facts/apply.ts'
import { diff } from '../../shared/facts/events.ts'
import { rootOf } from '../../shared/facts/package-set.ts'
import type { FactSet } from '../../shared/facts/package-set.ts'
import { fitsInline } from '../../shared/facts/update.ts'
import type { FactPosition, FactUpdate } from '../../shared/facts/update.ts'
import { createLane } from '../../shared/concurrency/lanes.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Random } from '../../shared/random.ts'
import { MIB } from '../../shared/units.ts'
import { collectError } from './errors.ts'
import { openJournalFile } from './journal-file.ts'
import type { JournalFile } from './journal-file.ts'
import { MAX_KEPT, replay, stateOf } from './replay.ts'
import type { Contents, JournalRecord } from './replay.ts'
import { removePrivateCopies } from './collectors/private-copy.ts'

export interface Journal {
  /** Where the host's history stands; undefined before the first set. */
  position(): (FactPosition & { readonly root: string }) | undefined
  /** Records the set; the update is durable when it is returned, undefined if nothing changed. */
  observe(set: FactSet): Promise<FactUpdate | undefined>
  /**
   * What somebody who stands at (epoch, sequence) lacks, in order: events, or one full set where
   * the events are no longer kept; (0, 0) asks for the full set. Somebody who stands where this
   * journal never was (further on, or in the same place with another root) has seen a future that
   * this host lost: then a new epoch begins.
   * @throws facts.epoch
   */
  since(epoch: number, sequence: number, root?: string): Promise<FactUpdate[]>
  /** The newest set; undefined before the first. */
  set(): FactSet | undefined
  /** The newest set under its position; undefined before the first set. */
  full(): FactUpdate | undefined
  close(): Promise<void>
}

/**
 * Bytes of appended records after which the file is written anew, or the size of the set if that is
 * more.
 */
const REWRITE_BYTES = MIB
const FILE = 'journal'

/**
 * Opens the journal in `folder`, which is made if it is absent. A damaged journal is set aside and
 * a new one begun.
 * @throws facts.journal if the disk doesn't let us
 */
export async function openJournal(
  deps: { random: Random; clock: Clock; log: Logger },
  options: { folder: string },
): Promise<Journal> {
  const path = join(options.folder, FILE)
  const failed = (error: unknown): Error =>
    collectError('facts.journal', { path, reason: (error as Error).message }, { cause: error })
  const opened = await prepare().catch((error: unknown) => {
    throw failed(error)
  })
  const { file } = opened
  // Owned by the calls below, which run one after another in `lane`. Replaced as a whole, after the
  // disk has it.
  let { state, kept } = opened.contents
  let sizeAfterRewrite = file.size
  /** A new epoch is to begin above this one although there is no set yet. */
  let epochFloor = 0
  const lane = createLane({ name: 'the journal of facts' })

  async function prepare(): ReturnType<typeof openOrBegin> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 })
    await removeOrphans(options.folder)
    await removePrivateCopies(options.folder)
    return openOrBegin(deps, path)
  }

  async function record(update: FactUpdate, set: FactSet): Promise<FactUpdate> {
    await file.append(update as unknown as Json).catch((error: unknown) => {
      throw failed(error)
    })
    // Crash here: the update is in the journal and nobody was told. Whoever asks with since() hears
    // of it.
    state = stateOf(update, set)
    kept = update.kind === 'full' ? [] : [...kept, update].slice(-MAX_KEPT)
    await rewriteIfLong()
    return update
  }

  async function rewriteIfLong(): Promise<void> {
    if (
      state === undefined ||
      file.size - sizeAfterRewrite < Math.max(REWRITE_BYTES, sizeAfterRewrite)
    )
      return
    const base: JournalRecord = { ...state, kind: 'base' }
    try {
      await file.replace([...kept, base] as unknown as Json[])
      sizeAfterRewrite = file.size
    } catch (error) {
      // Nothing is lost: the long file stands. The next update tries again.
      deps.log.warn({ path, error }, 'the facts journal could not be shortened')
    }
  }

  function recordFull(set: FactSet, epoch: number, sequence: number): Promise<FactUpdate> {
    return record(
      { kind: 'full', epoch, sequence, root: rootOf(set), at: rfc3339(deps.clock.now()), set },
      set,
    )
  }

  function full(): FactUpdate | undefined {
    if (state === undefined) return undefined
    // Said now, so it bears the time of now: where the clock was wrong once, the whole set is how
    // everybody gets over it.
    return { kind: 'full', ...state, at: rfc3339(deps.clock.now()) }
  }

  async function beginAbove(epoch: number): Promise<void> {
    const own = state?.epoch ?? epochFloor
    if (epoch - own > MAX_EPOCH_JUMP - 1) throw collectError('facts.epoch', { asked: epoch, own })
    deps.log.warn(
      { epoch: epoch + 1 },
      'a coordinator knows facts that this host lost; a new epoch begins',
    )
    epochFloor = Math.max(epochFloor, epoch)
    if (state !== undefined) await recordFull(state.set, epoch + 1, 1)
  }

  return {
    position: () => state && { epoch: state.epoch, sequence: state.sequence, root: state.root },
    observe: (set) =>
      lane.run(async () => {
        const root = rootOf(set)
        if (state === undefined) return recordFull(set, epochFloor + 1, 1)
        if (root === state.root) return undefined
        const at = rfc3339(deps.clock.now())
        const events = diff(state.set.packages, set.packages, at)
        const sequence = state.sequence + 1
        // Without events, the host itself changed (its kernel, its name), which only the full set
        // tells.
        const isSmall = isSameHost(state.set, set) && fitsInline(events)
        if (!isSmall) return recordFull(set, state.epoch, sequence)
        return record({ kind: 'events', epoch: state.epoch, sequence, root, at, events }, set)
      }),
    since: (epoch, sequence, root) =>
      lane.run(async () => {
        const order = epoch - (state?.epoch ?? epochFloor) || sequence - (state?.sequence ?? 0)
        const isOtherPast =
          order === 0 && root !== undefined && state !== undefined && root !== state.root
        if (order > 0 || isOtherPast) await beginAbove(epoch)
        else if (order === 0) return []
        if (state === undefined) return []
        const missing = kept.filter(
          (update) => update.epoch === epoch && update.sequence > sequence,
        )
        if (missing[0]?.sequence !== sequence + 1) return [full() as FactUpdate]
        // They were written when the clock was ahead: an older coordinator refuses such times.
        return missing.map((update) => boundTimes(update, deps.clock.now(), 0))
      }),
    set: () => state?.set,
    full,
    close: () => lane.run(() => file.close()),
  }
}

async function openOrBegin(
  deps: { random: Random; log: Logger },
  path: string,
): Promise<{ file: JournalFile; contents: Contents }> {
  try {
    const { file, records } = await openJournalFile(deps, path)
    try {
      return { file, contents: replay(records) }
    } catch (error) {
      await file.close()
      throw error
    }
  } catch (error) {
    // An error of the disk does not mean that the journal is damaged.
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error
    deps.log.error(
      { path, error },
      'the facts journal is damaged; it is set aside and a new one begins',
    )
    await rename(path, `${path}.damaged`)
    // Crash here: there is no journal, and a new one begins. The coordinator's next question begins
    // a new epoch.
    const { file } = await openJournalFile(deps, path)
    return { file, contents: { state: undefined, kept: [] } }
  }
}

function isSameHost(a: FactSet, b: FactSet): boolean {
  return canonicalJson({ ...a.os }) === canonicalJson({ ...b.os })
}

/** What a crash while the file was written anew left beside it. */
async function removeOrphans(folder: string): Promise<void> {
  const orphans = (await readdir(folder)).filter(
    (name) => name.startsWith(`.${FILE}.`) && name.endsWith('.tmp'),
  )
  for (const name of orphans) await rm(join(folder, name), { force: true })
}
