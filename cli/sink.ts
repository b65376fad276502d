/**
 * Where a command writes: stdout or stderr with backpressure, and with a defined end when whoever reads it goes away. What a terminal would
 * obey (control characters, direction marks) is made visible in text that comes from elsewhere.
 */
import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'
import { cliError } from './errors.ts'

export interface Sink {
  /**
   * Resolves when more may be written. Bytes go out as they are.
   * @throws cli.output-closed once the reader went away
   */
  write(chunk: string | Uint8Array): Promise<void>
  readonly isTTY: boolean
  /** Columns of the terminal; 80 where there is none. */
  readonly columns: number
  /** The text in a style, or as it is where colours are off. */
  style(format: Parameters<typeof styleText>[0], text: string): string
  /** Aborts once the reader went away. */
  readonly closed: AbortSignal
}

export function createSink(
  stream: NodeJS.WritableStream & Partial<WriteStream>,
  options: { color: boolean },
): Sink {
  const gone = new AbortController()
  stream.on('error', () => gone.abort(cliError('cli.output-closed')))
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => {
        if (gone.signal.aborted) return reject(gone.signal.reason as Error)
        // The callback comes when the chunk is handed to the system: that is the backpressure.
        stream.write(chunk, (error) => {
          if (error === null || error === undefined) return resolve()
          gone.abort(cliError('cli.output-closed', {}, { cause: error }))
          reject(gone.signal.reason as Error)
        })
      }),
    isTTY: stream.isTTY ?? false,
    get columns() {
      return stream.columns ?? 80
    },
    // styleText judges NO_COLOR, FORCE_COLOR, TERM and the terminal itself.
    style: (format, text) => (options.color ? styleText(format, text, { stream: stream }) : text),
    closed: gone.signal,
  }
}

/** C0 and C1 controls, the marks that reorder text, and Unicode's own line ends: a host name or package summary could redraw the screen with them. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** One line of text that a terminal shows and does not obey. */
export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, '0')}`,
  )
}
