/**
 * What a run wrote, on disk: each stream in segment files named by the offset of their first byte,
 * so the folder's listing alone says what is there. Beyond the limit the oldest segments are
 * dropped, but for each stream's first: the beginning and the newest are kept. An offset always
 * means the same byte; a reader that asks for a dropped one is told how many are missing.
 */
import { closeSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { OutputCount, Stream } from '../ground/run-state.ts'
import { STREAMS } from '../ground/run-state.ts'

/**
 * A segment is this part of the limit (4 MiB of the default 64): dropping one loses little, and a
 * flood doesn't make a file each moment.
 */
const SEGMENTS = 16
const MIN_SEGMENT_BYTES = 4 * 1024
const MAX_SEGMENT_BYTES = 16 * 1024 * 1024

interface Segment {
  readonly start: number
  length: number
}

interface Kept {
  /** In order of their start; a gap between two was dropped. */
  segments: Segment[]
  /** Bytes written so far, dropped ones included. */
  size: number
  /** The newest segment, open for writing. */
  fd: number | undefined
}

export interface OutputChunk {
  /** Of the first byte of `bytes`. */
  readonly offset: number
  readonly bytes: Uint8Array
  /** Bytes before `offset` that were asked for and are not kept. */
  readonly dropped: number
}

export class OutputStore {
  readonly #folder: string
  readonly #limit: number
  readonly #segmentBytes: number
  readonly #kept: Record<Stream, Kept>
  readonly #unsynced = new Set<string>()
  #stored = 0

  /**
   * Finds what an earlier runner wrote into `folder`.
   * @param written - How much was written in all, if that is known: bytes dropped at the very end
   * leave no file.
   */
  constructor(
    folder: string,
    limitBytes: number,
    written: { stdout: number; stderr: number } = { stdout: 0, stderr: 0 },
  ) {
    this.#folder = folder
    this.#limit = limitBytes
    this.#segmentBytes = Math.min(
      MAX_SEGMENT_BYTES,
      Math.max(MIN_SEGMENT_BYTES, Math.floor(limitBytes / SEGMENTS)),
    )
    this.#kept = {
      stdout: this.#find('stdout', written.stdout),
      stderr: this.#find('stderr', written.stderr),
    }
  }

  /** Never throws: bytes that the disk won't take are dropped and counted, and the run goes on. */
  append(stream: Stream, chunk: Uint8Array): void {
    for (let taken = 0; taken < chunk.length; ) {
      const rest = chunk.subarray(taken)
      const written = this.#write(stream, rest)
      const kept = this.#kept[stream]
      kept.size += written
      if (written === 0) {
        this.#closeSegment(kept)
        this.#removeEmpty(stream)
        kept.size += rest.length
        return
      }
      taken += written
    }
  }

  /** At most `max` bytes from `offset` on; empty at the end. */
  async read(stream: Stream, offset: number, max: number): Promise<OutputChunk> {
    const kept = this.#kept[stream]
    for (;;) {
      const segment = kept.segments.find(({ start, length }) => start + length > offset)
      const from = Math.max(offset, segment?.start ?? kept.size)
      if (segment === undefined)
        return { offset: from, bytes: new Uint8Array(0), dropped: from - offset }
      const bytes = await this.#readSegment(stream, segment, from - segment.start, max)
      // Dropped while it was being opened: look again, and say so.
      if (bytes !== undefined) return { offset: from, bytes, dropped: from - offset }
    }
  }

  count(): OutputCount {
    const { stdout, stderr } = this.#kept
    return {
      stdout: stdout.size,
      stderr: stderr.size,
      dropped: stdout.size + stderr.size - this.#stored,
    }
  }

  /** The first bytes of a stream, at most `max`. */
  async head(stream: Stream, max: number): Promise<Buffer> {
    return Buffer.from((await this.read(stream, 0, max)).bytes)
  }

  /** Makes what was appended so far survive a power loss. */
  async sync(): Promise<void> {
    const paths = [...this.#unsynced]
    this.#unsynced.clear()
    for (const path of paths) {
      const file = await open(path, 'r').catch(() => undefined)
      await file?.datasync().catch(() => undefined)
      await file?.close()
    }
  }

  /** Forgets everything that was written. */
  discard(): void {
    for (const stream of STREAMS) {
      const kept = this.#kept[stream]
      this.#closeSegment(kept)
      for (const { start } of kept.segments) rmSync(this.#path(stream, start), { force: true })
      this.#kept[stream] = { segments: [], size: 0, fd: undefined }
    }
    this.#stored = 0
  }

  close(): void {
    for (const stream of STREAMS) this.#closeSegment(this.#kept[stream])
  }

  #find(stream: Stream, written: number): Kept {
    const starts = list(this.#folder).flatMap((name) => {
      const match = /^(stdout|stderr)-(\d{1,15})$/.exec(name)
      return match?.[1] === stream ? [Number(match[2])] : []
    })
    const segments = starts
      .sort((a, b) => a - b)
      .map((start) => ({ start, length: statSync(this.#path(stream, start)).size }))
    for (const { length } of segments) this.#stored += length
    const last = segments.at(-1)
    return {
      segments,
      size: Math.max(written, last === undefined ? 0 : last.start + last.length),
      fd: undefined,
    }
  }

  /** Writes what fits into one segment; 0 if the disk takes nothing. */
  #write(stream: Stream, bytes: Uint8Array): number {
    const kept = this.#kept[stream]
    try {
      const segment = this.#segment(stream)
      const length = Math.min(bytes.length, this.#segmentBytes - segment.length)
      this.#makeRoom(length)
      const written = writeSync(kept.fd as number, bytes, 0, length)
      segment.length += written
      this.#stored += written
      this.#unsynced.add(this.#path(stream, segment.start))
      return written
    } catch {
      return 0
    }
  }

  /** The segment that the next byte belongs to, open for writing. */
  #segment(stream: Stream): Segment {
    const kept = this.#kept[stream]
    const last = kept.segments.at(-1)
    if (
      last !== undefined &&
      last.start + last.length === kept.size &&
      last.length < this.#segmentBytes
    ) {
      kept.fd ??= openSync(this.#path(stream, last.start), 'a', 0o600)
      return last
    }
    this.#closeSegment(kept)
    kept.fd = openSync(this.#path(stream, kept.size), 'ax', 0o600)
    const segment = { start: kept.size, length: 0 }
    kept.segments.push(segment)
    return segment
  }

  #makeRoom(bytes: number): void {
    while (this.#stored + bytes > this.#limit) {
      // Never a stream's first segment, never the one being written.
      const [stream] = STREAMS.filter((name) => this.#kept[name].segments.length > 2).sort(
        (a, b) => this.#kept[b].segments.length - this.#kept[a].segments.length,
      )
      if (stream === undefined) return
      const [dropped] = this.#kept[stream].segments.splice(1, 1) as [Segment]
      rmSync(this.#path(stream, dropped.start), { force: true })
      this.#stored -= dropped.length
    }
  }

  async #readSegment(
    stream: Stream,
    segment: Segment,
    at: number,
    max: number,
  ): Promise<Uint8Array | undefined> {
    const file = await open(this.#path(stream, segment.start), 'r').catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      },
    )
    if (file === undefined) {
      const segments = this.#kept[stream].segments
      const index = segments.indexOf(segment)
      // Somebody else removed it: what isn't there is dropped.
      if (index !== -1) this.#stored -= (segments.splice(index, 1)[0] as Segment).length
      return undefined
    }
    try {
      const length = Math.min(max, segment.length - at)
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, at)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  }

  /** A full disk may take a file's name but none of its bytes. */
  #removeEmpty(stream: Stream): void {
    const { segments } = this.#kept[stream]
    const last = segments.at(-1)
    if (last?.length !== 0) return
    segments.pop()
    rmSync(this.#path(stream, last.start), { force: true })
  }

  #closeSegment(kept: Kept): void {
    if (kept.fd !== undefined) closeSync(kept.fd)
    kept.fd = undefined
  }

  #path(stream: Stream, start: number): string {
    return join(this.#folder, `${stream}-${start}`)
  }
}

/** Empty for a run whose folder could not even be made. */
function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
