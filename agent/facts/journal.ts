/**
 * The history of this host's packages: the newest set, its (epoch, sequence), and the updates
 * before it. An update is durable before it is returned. If the disk was lost or restored, a
 * coordinator may have a later position than this journal. The journal then begins a new epoch. The
 * lock of the agent's home allows one process at a time.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalJson } from '../../shared/canonical-json.ts'
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
import { type JournalFile, openJournalFile } from './journal-file.ts'
import { MAX_KEPT, replay, stateOf } from './replay.ts'
import type { Contents, JournalRecord } from './replay.ts'
import { removePrivateCopies } from './collectors/private-copy.ts'

export interface Journal {
  /** Returns the newest position, or undefined before the first set. */
  position(): (FactPosition & { readonly root: string }) | undefined
  /** Records the set. The returned update is durable. Returns undefined if nothing changed. */
  observe(set: FactSet): Promise<FactUpdate | undefined>
  /**
   * Returns the updates after (epoch, sequence), in order. If they are no longer kept, or for (0,
   * 0), it returns one full set. If this journal was never at that position, this host lost a part
   * of its history, and a new epoch begins.
   * @throws facts.epoch
   */
  since(epoch: number, sequence: number, root?: string): Promise<FactUpdate[]>
  /** Returns the newest set, or undefined before the first. */
  set(): FactSet | undefined
  /** Returns the newest set as an update, or undefined before the first set. */
  full(): FactUpdate | undefined
  close(): Promise<void>
}

/**
 * The file is rewritten when the appended records have so many bytes. If the set is larger, its
 * size is the limit.
 */
const REWRITE_BYTES = MIB
const FILE = 'journal'

interface JournalDeps {
  readonly random: Random
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Opens or creates the journal in `folder`. A damaged journal is renamed, and a new one begins.
 * @throws facts.journal for an error of the disk
 */
export async function openJournal(
  deps: JournalDeps,
  options: { folder: string },
): Promise<Journal> {
  const { folder } = options
  const path = join(folder, FILE)
  const history = await orJournalError(path, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await removeOrphans(folder)
    await removePrivateCopies(folder)
    return new History(deps, path, await openOrBegin(deps, path))
  })
  const lane = createLane({ name: 'the journal of facts' })
  return {
    position: () => history.position(),
    observe: (set) => lane.run(() => history.observe(set)),
    since: (epoch, sequence, root) => lane.run(() => history.since({ epoch, sequence, root })),
    set: () => history.set(),
    full: () => history.full(),
    close: () => lane.run(() => history.close()),
  }
}

/** The state of the journal. The caller runs one call at a time. */
class History {
  readonly #deps: JournalDeps
  readonly #path: string
  readonly #file: JournalFile
  /** This field changes after the file has changed. */
  #contents: Contents
  #sizeAfterRewrite: number
  /** The next epoch must be greater than this one. Used while there is no set yet. */
  #epochFloor = 0

  constructor(deps: JournalDeps, path: string, opened: { file: JournalFile; contents: Contents }) {
    this.#deps = deps
    this.#path = path
    this.#file = opened.file
    this.#contents = opened.contents
    this.#sizeAfterRewrite = opened.file.size
  }

  position(): (FactPosition & { readonly root: string }) | undefined {
    const { state } = this.#contents
    return state && { epoch: state.epoch, sequence: state.sequence, root: state.root }
  }

  set(): FactSet | undefined {
    return this.#contents.state?.set
  }

  full(): FactUpdate | undefined {
    const { state } = this.#contents
    // A full set has the current time, so it corrects the times of a wrong clock.
    return state && { kind: 'full', ...state, at: this.#now() }
  }

  async observe(set: FactSet): Promise<FactUpdate | undefined> {
    const { state } = this.#contents
    if (state === undefined) return this.#recordFull(set, this.#epochFloor + 1, 1)
    const root = rootOf(set)
    if (root === state.root) return undefined
    const at = this.#now()
    const { epoch } = state
    const sequence = state.sequence + 1
    const events = diff(state.set.packages, set.packages, at)
    // Events don't contain changes of the host itself, such as its kernel or its name.
    if (!isSameHost(state.set, set) || !fitsInline(events))
      return this.#recordFull(set, epoch, sequence)
    return this.#record({ kind: 'events', epoch, sequence, root, at, events }, set)
  }

  async since(asked: FactPosition & { root: string | undefined }): Promise<FactUpdate[]> {
    const own = this.position() ?? { epoch: this.#epochFloor, sequence: 0, root: undefined }
    const order = asked.epoch - own.epoch || asked.sequence - own.sequence
    const isOtherPast =
      asked.root !== undefined && own.root !== undefined && asked.root !== own.root
    if (order > 0 || (order === 0 && isOtherPast)) await this.#beginAbove(asked.epoch)
    else if (order === 0) return []
    return this.#after(asked)
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  #after({ epoch, sequence }: FactPosition): FactUpdate[] {
    const missing = this.#contents.kept.filter(
      (update) => update.epoch === epoch && update.sequence > sequence,
    )
    if (missing[0]?.sequence !== sequence + 1) {
      const full = this.full()
      return full === undefined ? [] : [full]
    }
    // The clock may have been ahead when an update was written. An older coordinator rejects such a
    // time.
    return missing.map((update) => boundTimes(update, this.#deps.clock.now(), 0))
  }

  async #beginAbove(epoch: number): Promise<void> {
    const { state } = this.#contents
    const own = state?.epoch ?? this.#epochFloor
    if (epoch - own > MAX_EPOCH_JUMP - 1) throw collectError('facts.epoch', { asked: epoch, own })
    this.#deps.log.warn(
      { epoch: epoch + 1 },
      'a coordinator knows facts that this host lost; a new epoch begins',
    )
    this.#epochFloor = Math.max(this.#epochFloor, epoch)
    if (state !== undefined) await this.#recordFull(state.set, epoch + 1, 1)
  }

  #recordFull(set: FactSet, epoch: number, sequence: number): Promise<FactUpdate> {
    const at = this.#now()
    return this.#record({ kind: 'full', epoch, sequence, root: rootOf(set), at, set }, set)
  }

  async #record(update: FactUpdate, set: FactSet): Promise<FactUpdate> {
    await orJournalError(this.#path, () => this.#file.append(update))
    // Crash here: the update is in the journal and was not sent. A coordinator gets it with
    // since().
    const kept = update.kind === 'full' ? [] : [...this.#contents.kept, update].slice(-MAX_KEPT)
    this.#contents = { state: stateOf(update, set), kept }
    await this.#rewriteIfLong()
    return update
  }

  async #rewriteIfLong(): Promise<void> {
    const { state, kept } = this.#contents
    const appended = this.#file.size - this.#sizeAfterRewrite
    if (state === undefined || appended < Math.max(REWRITE_BYTES, this.#sizeAfterRewrite)) return
    const base: JournalRecord = { ...state, kind: 'base' }
    try {
      await this.#file.replace([...kept, base])
      this.#sizeAfterRewrite = this.#file.size
    } catch (error) {
      // Nothing is lost, because the long file stays. The next update tries again.
      this.#deps.log.warn({ path: this.#path, error }, 'the facts journal could not be shortened')
    }
  }

  #now(): string {
    return rfc3339(this.#deps.clock.now())
  }
}

async function orJournalError<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw collectError('facts.journal', { path, reason }, { cause })
  }
}

async function openOrBegin(
  deps: JournalDeps,
  path: string,
): Promise<{ file: JournalFile; contents: Contents }> {
  try {
    return await openAndReplay(deps, path)
  } catch (error) {
    // An error of the disk does not show that the journal is damaged.
    if (error instanceof Error && 'syscall' in error) throw error
    deps.log.error(
      { path, error },
      'the facts journal is damaged; it is renamed and a new one begins',
    )
    await rename(path, `${path}.damaged`)
    // Crash here: there is no journal, and a new one begins. The next pull of a coordinator begins
    // a new epoch.
    const { file } = await openJournalFile(deps, path)
    return { file, contents: { state: undefined, kept: [] } }
  }
}

async function openAndReplay(
  deps: JournalDeps,
  path: string,
): Promise<{ file: JournalFile; contents: Contents }> {
  const { file, records } = await openJournalFile(deps, path)
  try {
    return { file, contents: replay(records) }
  } catch (error) {
    await file.close()
    throw error
  }
}

function isSameHost(a: FactSet, b: FactSet): boolean {
  return canonicalJson(a.os) === canonicalJson(b.os)
}

/** Removes temporary files that a crash left during a rewrite. */
async function removeOrphans(folder: string): Promise<void> {
  const orphans = (await readdir(folder)).filter(
    (name) => name.startsWith(`.${FILE}.`) && name.endsWith('.tmp'),
  )
  for (const name of orphans) await rm(join(folder, name), { force: true })
}
