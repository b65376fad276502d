/** A run's output on the terminal: stdout to stdout, stderr to stderr, bytes as they are. */
import type { RunRow } from '../../protocols/control/messages.ts'
import { createPieceReader } from '../../protocols/output/pieces.ts'
import type { CommandContext } from '../program/handler.ts'
import { cliError } from '../terminal/errors.ts'
import { printable, type Sink } from '../terminal/sink.ts'
import type { Session } from '../session/session.ts'

export interface OutputOptions {
  readonly run: string
  /** Until the run has ended, or what there is now. */
  readonly follow: boolean
  readonly stdout: (bytes: Uint8Array) => Promise<void>
  readonly stderr: (bytes: Uint8Array) => Promise<void>
  /** Told where bytes are not kept any more: the output limit was reached. */
  readonly gap?: (stream: 'stdout' | 'stderr', dropped: number) => Promise<void>
}

/** How far each stream was read, dropped bytes included. */
export interface OutputOffsets {
  stdout: number
  stderr: number
}

/**
 * Reads from the offsets on, the beginning by default, and moves them along with what was written.
 * Resolves with the run's state once everything was written.
 */
export async function readOutput(
  session: Session,
  options: OutputOptions & { readonly offsets?: OutputOffsets },
): Promise<RunRow> {
  const { offsets = { stdout: 0, stderr: 0 } } = options
  const reader = createPieceReader(async (piece) => {
    if (piece.kind === 'gap') {
      await options.gap?.(piece.stream, piece.dropped)
      offsets[piece.stream] += piece.dropped
      return
    }
    await options[piece.kind](piece.bytes)
    offsets[piece.kind] += piece.bytes.length
  })
  const request = { run: options.run, follow: options.follow, ...offsets }
  const row = await session.ask('run.output', request, { onData: (bytes) => reader.write(bytes) })
  reader.end()
  return row
}

/**
 * Watches runs. An interrupt ends only the watching. @throws cli.detached, and what `work` throws
 */
export async function watching<T>(
  context: CommandContext<unknown, unknown>,
  runs: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { aborted, reason } = context.signal
    if (!aborted || !cliError.is(reason, 'cli.interrupted')) throw error
    const goesOn =
      runs.length === 1
        ? `the run goes on; muster process stop ${runs[0]} ends it`
        : `${runs.length} runs go on; muster process list shows them`
    throw cliError('cli.detached', { goesOn }, { cause: error })
  }
}

/** Says where bytes are missing. */
export function gapNote(
  context: CommandContext<unknown, unknown>,
  prefix = '',
): (stream: 'stdout' | 'stderr', dropped: number) => Promise<void> {
  return (stream, dropped) =>
    context.note(
      `${prefix}${dropped} bytes of ${stream} are missing here: the output limit was reached`,
    )
}

/**
 * Bytes as they are, but for a terminal: there, what it would obey is made visible, line by line
 * (PC-13).
 */
export function plainWriter(
  sink: Sink,
  options: { raw: boolean },
): (bytes: Uint8Array) => Promise<void> {
  // Carriage returns of progress bars do no harm where all that they overwrite is the program's
  // own.
  return writer(sink, options.raw, /([\t\r\n])/)
}

function writer(sink: Sink, raw: boolean, kept: RegExp): (bytes: Uint8Array) => Promise<void> {
  if (!sink.isTTY || raw) return (bytes) => sink.write(bytes)
  const decoder = new TextDecoder()
  // Split by a pattern with a group: what stands between two separators is at even places.
  return (bytes) =>
    sink.write(
      decoder
        .decode(bytes, { stream: true })
        .split(kept)
        .map((part, index) => (index % 2 === 0 ? printable(part) : part))
        .join(''),
    )
}

/** Longest part of a line that is held back to be prefixed as a whole. */
const MAX_LINE_BYTES = 64 * 1024

/**
 * Prefixes each line with the host it comes from, for several hosts at once; a line is written
 * whole.
 */
export function prefixedWriter(
  sink: Sink,
  host: string,
  options: { raw: boolean },
): { write: (bytes: Uint8Array) => Promise<void>; end: () => Promise<void> } {
  const prefix = Buffer.from(`${printable(host)}: `)
  // A carriage return inside a line would let one host write over its name and pass its line off as
  // another's.
  const plain = writer(sink, options.raw, /(\t|\r?\n)/)
  let rest: Uint8Array = new Uint8Array(0)
  const emit = (line: Uint8Array): Promise<void> => plain(Buffer.concat([prefix, line]))
  return {
    async write(bytes) {
      let buffer = rest.length > 0 ? Buffer.concat([rest, bytes]) : Buffer.from(bytes)
      for (let end = buffer.indexOf(0x0a); end >= 0; end = buffer.indexOf(0x0a)) {
        await emit(buffer.subarray(0, end + 1))
        buffer = buffer.subarray(end + 1)
      }
      if (buffer.length > MAX_LINE_BYTES) {
        await emit(Buffer.concat([buffer, Buffer.from('\n')]))
        buffer = Buffer.alloc(0)
      }
      rest = new Uint8Array(buffer)
    },
    async end() {
      if (rest.length > 0) await emit(Buffer.concat([rest, Buffer.from('\n')]))
    },
  }
}
