/**
 * Writes to stdout and stderr with backpressure. If the reader closes the output, the command ends
 * silently. A full disk ends it with an error. Control characters and direction marks in foreign
 * text are made visible, so that a terminal doesn't obey them.
 */
import { writeSync } from 'node:fs'
import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'
import { diskReason } from '../../shared/disk-reason.ts'
import { errno } from '../../shared/errno.ts'
import { cliError } from './errors.ts'

export interface Sink {
  /**
   * Writes the bytes unchanged. Resolves when more may be written.
   * @throws cli.output-closed after the reader closed, cli.output-failed if writing fails
   */
  write(chunk: string | Uint8Array): Promise<void>
  readonly isTTY: boolean
  /** Columns of the terminal, at least 1. The default is 80. */
  readonly columns: number
  /** Returns the text in a style, or unchanged if colours are off. */
  style(format: Parameters<typeof styleText>[0], text: string): string
  /** Aborts when writing is not possible any more. The reason is the error. */
  readonly closed: AbortSignal
}

/** Errors of a pipe or terminal whose reader has closed. */
const READER_GONE: ReadonlySet<unknown> = new Set([
  'EPIPE',
  'ECONNRESET',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
])

function outputError(error: unknown): Error {
  if (READER_GONE.has(errno(error))) return cliError('cli.output-closed', {}, { cause: error })
  const reason = diskReason(error) ?? (error instanceof Error ? error.message : String(error))
  return cliError('cli.output-failed', { reason }, { cause: error })
}

/**
 * Opens a stream to a file or device. The stream's write() ignores a partial write to a nearly full
 * disk.
 */
interface FileStream {
  readonly fd: number
  readonly _type?: string
}

/** Writes synchronously, so that stdout and stderr stay in order if both go to one file. */
function writeFile(
  descriptor: number,
  chunk: string | Uint8Array,
  done: (error: unknown) => void,
): void {
  const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
  } catch (error) {
    return done(error)
  }
  done(undefined)
}

export function createSink(
  stream: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'> & FileStream>,
  options: { color: boolean },
): Sink {
  const gone = new AbortController()
  // Only the first failure counts.
  const failed = (error: unknown): void => gone.abort(outputError(error))
  stream.on('error', failed)
  const { fd } = stream
  const file = stream._type === 'fs' && fd !== undefined ? fd : undefined
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => {
        if (gone.signal.aborted) return reject(gone.signal.reason)
        const done = (error: unknown): void => {
          if (error === null || error === undefined) return resolve()
          failed(error)
          reject(gone.signal.reason)
        }
        // The stream calls back after it passed the chunk to the system. This gives backpressure.
        if (file === undefined) stream.write(chunk, done)
        else writeFile(file, chunk, done)
      }),
    isTTY: stream.isTTY ?? false,
    get columns() {
      // A terminal without a size reports 0, for example under `script` or in a container.
      return stream.columns || 80
    },
    // styleText obeys NO_COLOR, FORCE_COLOR and TERM, and checks the terminal.
    style: (format, text) => (options.color ? styleText(format, text, { stream }) : text),
    closed: gone.signal,
  }
}

/**
 * C0 and C1 controls, marks that reorder text, and Unicode line ends. A host name or a package
 * summary with them could redraw the screen.
 */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Returns the text on one line, with control characters made visible. */
export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
