/** Splits the bytes of a fact set into data frames of `/muster/facts/1`. */
/** The number of bytes of one data frame. */
const FRAME_BYTES = 256 * 1024

/** Returns the frames. There are none if there is no set. */
export function* payloadFrames(bytes: Uint8Array | undefined): Generator<Uint8Array> {
  for (let at = 0; bytes !== undefined && at < bytes.length; at += FRAME_BYTES)
    yield bytes.subarray(at, at + FRAME_BYTES)
}
