/**
 * Where a command writes: stdout or stderr with backpressure. A reader that went away ends the
 * command quietly, a full disk with an error. What a terminal would obey (control characters,
 * direction marks) is made visible in text that comes from elsewhere.
 */
import { writeSync } from 'node:fs'
import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'
import { diskReason } from '../../shared/disk-reason.ts'
import { cliError } from './errors.ts'

export interface Sink {
  /**
   * Resolves when more may be written. Bytes go out as they are.
   * @throws cli.output-closed once the reader went away, cli.output-failed where it can't be
   * written
   */
  write(chunk: string | Uint8Array): Promise<void>
  readonly isTTY: boolean
  /** Columns of the terminal, at least 1; 80 where that is not known. */
  readonly columns: number
  /** The text in a style, or as it is where colours are off. */
  style(format: Parameters<typeof styleText>[0], text: string): string
  /** Aborts once nothing more can be written; its reason is the error. */
  readonly closed: AbortSignal
}

/** What a pipe or terminal reports when its reader is gone. */
const READER_GONE: ReadonlySet<unknown> = new Set([
  'EPIPE',
  'ECONNRESET',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
])

function outputError(error: NodeJS.ErrnoException): Error {
  if (READER_GONE.has(error.code)) return cliError('cli.output-closed', {}, { cause: error })
  const reason = diskReason(error) ?? error.message
  return cliError('cli.output-failed', { reason }, { cause: error })
}

/** A stream over a file or device; its own write() drops what a nearly full disk did not take. */
interface FileStream {
  readonly fd: number
  readonly _type?: string
}

/** At once, so that stdout and stderr stay in order where both go to one file. */
function writeFile(
  descriptor: number,
  chunk: string | Uint8Array,
  done: (error?: Error) => void,
): void {
  const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
  } catch (error) {
    return done(error as Error)
  }
  done()
}

export function createSink(
  stream: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'> & FileStream>,
  options: { color: boolean },
): Sink {
  const gone = new AbortController()
  const failed = (error: Error): Error => {
    gone.abort(outputError(error))
    return gone.signal.reason as Error
  }
  stream.on('error', failed)
  const { fd } = stream
  const file = stream._type === 'fs' && fd !== undefined ? fd : undefined
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => {
        if (gone.signal.aborted) return reject(gone.signal.reason as Error)
        const done = (error?: Error | null): void => {
          if (error === null || error === undefined) return resolve()
          reject(failed(error))
        }
        // The callback comes when the chunk is handed to the system: that is the backpressure.
        if (file === undefined) stream.write(chunk, done)
        else writeFile(file, chunk, done)
      }),
    isTTY: stream.isTTY ?? false,
    get columns() {
      // A terminal that was never given a size, as under `script` or a container, says 0.
      return stream.columns || 80
    },
    // styleText judges NO_COLOR, FORCE_COLOR, TERM and the terminal itself.
    style: (format, text) => (options.color ? styleText(format, text, { stream: stream }) : text),
    closed: gone.signal,
  }
}

/**
 * C0 and C1 controls, the marks that reorder text, and Unicode's own line ends: a host name or
 * package summary could redraw the screen with them.
 */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** One line of text that a terminal shows and does not obey. */
export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, '0')}`,
  )
}
