/** Notifies of changes in the folder that a path names, also after the folder is replaced. */
import type { FSWatcher, watch as fsWatch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { errno } from '../../shared/errno.ts'
import type { Logger } from '../../shared/logger.ts'

export class WatchedFolder {
  readonly path: string
  readonly #watch: typeof fsWatch
  readonly #log: Logger
  readonly #onChange: () => void
  #watcher: FSWatcher | undefined
  /** Contains the time of birth, because a new folder may get the inode of an old one. */
  #identity: string | undefined
  #isFirst = true
  #failure: string | undefined
  #closed = false

  constructor(
    deps: { readonly watch: typeof fsWatch; readonly log: Logger },
    path: string,
    onChange: () => void,
  ) {
    this.#watch = deps.watch
    this.#log = deps.log
    this.path = path
    this.#onChange = onChange
  }

  /** Watches the folder that the path names now. Returns true if the folder was replaced. */
  async follow(): Promise<boolean> {
    const identity = await identityOf(this.path)
    if (this.#closed) return false
    const isOther = identity !== this.#identity
    const moved = isOther && !this.#isFirst
    if (isOther) this.#end()
    this.#identity = identity
    this.#isFirst = false
    if (identity === undefined) this.#failure = undefined
    else if (this.#watcher === undefined) this.#begin()
    return moved
  }

  /** The reason why there are no notifications. Undefined if they work or the folder is absent. */
  get failure(): string | undefined {
    return this.#failure
  }

  close(): void {
    this.#closed = true
    this.#end()
  }

  #begin(): void {
    const fail = (error: unknown): void => this.#fail(error)
    try {
      this.#watcher = this.#watch(this.path, { persistent: false }, this.#onChange)
      this.#watcher.on('error', fail)
      this.#failure = undefined
    } catch (error) {
      fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#end()
    const code = errno(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return
    const folder = this.path
    if (this.#failure === undefined)
      this.#log.warn({ folder, error }, 'cannot watch a folder for changes')
    this.#failure = `cannot watch ${folder} for changes (${code ?? String(error)})`
  }

  #end(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }
}

async function identityOf(folder: string): Promise<string | undefined> {
  try {
    const { dev, ino, birthtimeNs } = await stat(folder, { bigint: true })
    return `${dev} ${ino} ${birthtimeNs}`
  } catch {
    return undefined
  }
}
