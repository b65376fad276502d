/** The bytes of a fact set in data frames of `/muster/facts/1`. */
/** Bytes of one data frame. */
const FRAME_BYTES = 256 * 1024

/** No frames without a set. */
export function* payloadFrames(bytes: Uint8Array | undefined): Generator<Uint8Array> {
  for (let at = 0; bytes !== undefined && at < bytes.length; at += FRAME_BYTES)
    yield bytes.subarray(at, at + FRAME_BYTES)
}
