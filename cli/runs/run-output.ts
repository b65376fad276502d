/** Writes the output of a run: stdout to stdout, stderr to stderr. */
import type { RunRow } from '../../protocols/control/messages.ts'
import { createPieceReader } from '../../protocols/output/pieces.ts'
import type { CommandContext } from '../program/handler.ts'
import { cliError } from '../terminal/errors.ts'
import { printable, type Sink } from '../terminal/sink.ts'
import type { Session } from '../session/session.ts'

export interface OutputOptions {
  readonly run: string
  /** True to read until the run ends. False to read the output so far. */
  readonly follow: boolean
  readonly stdout: (bytes: Uint8Array) => Promise<void>
  readonly stderr: (bytes: Uint8Array) => Promise<void>
  /** Called at each place where the output limit dropped bytes. */
  readonly gap?: (stream: 'stdout' | 'stderr', dropped: number) => Promise<void>
}

/** The offset of the next byte of each stream. Dropped bytes are counted. */
export interface OutputOffsets {
  stdout: number
  stderr: number
}

/**
 * Reads from the offsets, by default from the beginning, and advances them after each write.
 * Resolves with the run's state after all output was written.
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

/** Follows runs. An interrupt doesn't stop the runs. @throws cli.detached, and errors of `work` */
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
        ? `the run continues; run \`muster process stop ${runs[0]}\` to stop it`
        : `${runs.length} runs continue; run \`muster process list\` to see them`
    throw cliError('cli.detached', { goesOn }, { cause: error })
  }
}

/** Prints a note where bytes are missing. */
export function gapNote(
  context: CommandContext<unknown, unknown>,
  prefix = '',
): (stream: 'stdout' | 'stderr', dropped: number) => Promise<void> {
  return (stream, dropped) =>
    context.note(
      `${prefix}${dropped} bytes of ${stream} are missing here: the output limit was reached`,
    )
}

/** Writes bytes unchanged. On a terminal, control characters are made visible (PC-13). */
export function plainWriter(
  sink: Sink,
  options: { raw: boolean },
): (bytes: Uint8Array) => Promise<void> {
  // Carriage returns are kept, because a progress bar overwrites only the program's own line.
  return writer(sink, options.raw, /([\t\r\n])/)
}

function writer(sink: Sink, raw: boolean, kept: RegExp): (bytes: Uint8Array) => Promise<void> {
  if (!sink.isTTY || raw) return (bytes) => sink.write(bytes)
  const decoder = new TextDecoder()
  // The pattern has a group, so the text between two separators has an even index.
  return (bytes) =>
    sink.write(
      decoder
        .decode(bytes, { stream: true })
        .split(kept)
        .map((part, index) => (index % 2 === 0 ? printable(part) : part))
        .join(''),
    )
}

/** A longer line is printed in parts. */
const MAX_LINE_BYTES = 64 * 1024

/**
 * Prefixes each line with its host and writes it in one piece, so that lines of different hosts
 * don't mix.
 */
export function prefixedWriter(
  sink: Sink,
  host: string,
  options: { raw: boolean },
): { write: (bytes: Uint8Array) => Promise<void>; end: () => Promise<void> } {
  const prefix = Buffer.from(`${printable(host)}: `)
  // A carriage return inside a line is made visible. Otherwise a host could overwrite its name with
  // another one.
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
