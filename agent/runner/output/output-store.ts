/**
 * The output of a run on disk. Each stream has segment files that are named by the offset of their
 * first byte. Above the limit, the oldest segments are dropped, except the first of each stream. An
 * offset always means the same byte. A reader of dropped bytes gets their number.
 */
import { closeSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { errno } from '../../../shared/errno.ts'
import type { OutputCount, Stream } from '../ground/run-state.ts'
import { STREAMS } from '../ground/run-state.ts'

/**
 * The limit is divided into this many segments (of 4 MiB by default), so that a drop loses only a
 * small part.
 */
const SEGMENTS = 16
const MIN_SEGMENT_BYTES = 4 * 1024
const MAX_SEGMENT_BYTES = 16 * 1024 * 1024

interface Segment {
  readonly start: number
  length: number
}

interface Kept {
  /** The segments in the order of their start. The bytes of a gap were dropped. */
  segments: Segment[]
  /** The number of bytes written so far, including dropped ones. */
  size: number
  /** The newest segment, open for writing. */
  fd: number | undefined
}

export interface OutputChunk {
  /** The offset of the first byte of `bytes`. */
  readonly offset: number
  readonly bytes: Uint8Array
  /** How many of the requested bytes before `offset` were dropped. */
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
   * Finds the segments that an earlier runner wrote into `folder`.
   * @param written the number of bytes of each stream, if known. Dropped bytes at the end have no
   * file
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

  /**
   * Appends output. Never throws: bytes that can't be written to the disk are dropped and counted.
   */
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

  /** Returns at most `max` bytes from `offset` on. At the end, it returns none. */
  async read(stream: Stream, offset: number, max: number): Promise<OutputChunk> {
    const kept = this.#kept[stream]
    for (;;) {
      const segment = kept.segments.find(({ start, length }) => start + length > offset)
      const from = Math.max(offset, segment?.start ?? kept.size)
      if (segment === undefined)
        return { offset: from, bytes: new Uint8Array(0), dropped: from - offset }
      const bytes = await this.#readSegment(stream, segment, from - segment.start, max)
      // The segment was dropped meanwhile. Continue with the next one.
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

  /** Returns the first bytes of a stream, at most `max`. */
  async head(stream: Stream, max: number): Promise<Buffer> {
    return Buffer.from((await this.read(stream, 0, max)).bytes)
  }

  /** When this resolves, the bytes so far survive a power loss. */
  async sync(): Promise<void> {
    const paths = [...this.#unsynced]
    this.#unsynced.clear()
    for (const path of paths) {
      const file = await open(path, 'r').catch(() => undefined)
      await file?.datasync().catch(() => undefined)
      await file?.close()
    }
  }

  /** Removes all output. */
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

  /** Writes up to the end of a segment. Returns 0 if nothing could be written to the disk. */
  #write(stream: Stream, bytes: Uint8Array): number {
    try {
      const { segment, fd } = this.#segment(stream)
      const length = Math.min(bytes.length, this.#segmentBytes - segment.length)
      this.#makeRoom(length)
      const written = writeSync(fd, bytes, 0, length)
      segment.length += written
      this.#stored += written
      this.#unsynced.add(this.#path(stream, segment.start))
      return written
    } catch {
      return 0
    }
  }

  /** Returns the segment of the next byte, open for writing. */
  #segment(stream: Stream): { segment: Segment; fd: number } {
    const kept = this.#kept[stream]
    const last = kept.segments.at(-1)
    if (
      last !== undefined &&
      last.start + last.length === kept.size &&
      last.length < this.#segmentBytes
    ) {
      kept.fd ??= openSync(this.#path(stream, last.start), 'a', 0o600)
      return { segment: last, fd: kept.fd }
    }
    this.#closeSegment(kept)
    const fd = openSync(this.#path(stream, kept.size), 'ax', 0o600)
    kept.fd = fd
    const segment = { start: kept.size, length: 0 }
    kept.segments.push(segment)
    return { segment, fd }
  }

  #makeRoom(bytes: number): void {
    while (this.#stored + bytes > this.#limit) {
      // The first segment of a stream stays, and so does the one that is being written.
      const [stream] = STREAMS.filter((name) => this.#kept[name].segments.length > 2).sort(
        (a, b) => this.#kept[b].segments.length - this.#kept[a].segments.length,
      )
      const [dropped] = stream === undefined ? [] : this.#kept[stream].segments.splice(1, 1)
      if (stream === undefined || dropped === undefined) return
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
    const file = await open(this.#path(stream, segment.start), 'r').catch((error: unknown) => {
      if (errno(error) !== 'ENOENT') throw error
    })
    if (file === undefined) {
      this.#drop(stream, segment)
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

  /** Forgets a segment. Another process removed its file. */
  #drop(stream: Stream, segment: Segment): void {
    const { segments } = this.#kept[stream]
    const index = segments.indexOf(segment)
    if (index === -1) return
    segments.splice(index, 1)
    this.#stored -= segment.length
  }

  /** Removes an empty segment. A full disk may accept the name of a file but none of its bytes. */
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

/** Returns the names in a folder, or none if there is no such folder. */
function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
