/**
 * Connects one call to a stream. The response is sent in frames. The end of the source means that
 * the caller left.
 */
import type { MusterError } from '../../shared/errors.ts'
import { decodeCbor, encodeCbor } from '../wire/cbor.ts'
import type { Channel } from '../wire/channel.ts'
import { wireError } from '../wire/errors.ts'
import { encodeError } from '../wire/status.ts'
import type { CallerLine, Codec } from './invoke.ts'
import type { Upload } from './upload.ts'

const CBOR: Codec = { decode: decodeCbor, encode: encodeCbor }

export interface StreamLine extends CallerLine {
  /** True if the caller sent more data before its response. The stream must end then. */
  sentEarly(): boolean
}

export function createStreamLine(
  channel: Channel,
  upload: Upload,
  call: AbortController,
  what: string,
): StreamLine {
  // Owned by respond() and refuse(), and by watch().
  const state = { answered: false, sentEarly: false }

  /**
   * Aborts the call if the caller leaves or sends more data before its response. A caller that
   * leaves ends its side of the stream. On a unix socket this looks the same as a half-close. Early
   * data is not accepted, because it would hide the end of the stream.
   */
  const watch = (): void => {
    channel.peek().then(
      (frame) => {
        if (state.answered) return
        state.sentEarly = frame !== undefined
        const reason =
          frame === undefined
            ? wireError('protocol.closed', { what })
            : wireError('protocol.malformed', {
                what: 'stream',
                reason: `${frame.kind} before the response`,
              })
        call.abort(reason)
      },
      (error: unknown) => call.abort(error),
    )
  }
  return {
    codec: CBOR,
    call,
    upload: upload.bytes,
    began: (method) => (method.upload === true ? upload.onEnd(watch) : watch()),
    progress: (report) => channel.send('progress', report),
    data: (bytes) => channel.sendData(bytes),
    respond: (response) => {
      state.answered = true
      return channel.send('response', response)
    },
    refuse: (error: MusterError) => {
      state.answered = true
      return channel.send('error', encodeError(error))
    },
    sentEarly: () => state.sentEarly,
  }
}
