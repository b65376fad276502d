/** One call on a stream: frames carry its answer, and the end of the source means that it left. */
import type { MusterError } from '../../shared/errors.ts'
import { decodeCbor, encodeCbor } from '../wire/cbor.ts'
import type { Channel } from '../wire/channel.ts'
import { wireError } from '../wire/errors.ts'
import { encodeError } from '../wire/status.ts'
import type { CallerLine, Codec } from './invoke.ts'
import type { Upload } from './upload.ts'

const CBOR: Codec = { decode: decodeCbor, encode: encodeCbor }

export interface StreamLine extends CallerLine {
  /** True if the caller sent more before its answer, so the stream can't go on. */
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
   * A caller that has gone ends its side of the stream, on a unix socket in the same way as a
   * half-close. So an end before the answer means that the caller left. A caller that sends more
   * before its answer is cut off: its end could not be seen behind what it sent.
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
                reason: `${frame.kind} before the answer`,
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
