/**
 * Encodes a run's output as one byte stream of pieces. Each piece has a header of five bytes: its
 * kind, and its length with the most significant byte first. The header is needed because a
 * transport may cut the stream anywhere.
 */
import { wireError } from '../wire/errors.ts'

/**
 * `stdout` and `stderr` contain the bytes of the stream, in order. A gap contains the number of
 * bytes that the runner did not keep at this place.
 */
export type Piece =
  | { readonly kind: 'stdout' | 'stderr'; readonly bytes: Uint8Array }
  | { readonly kind: 'gap'; readonly stream: 'stdout' | 'stderr'; readonly dropped: number }

const KINDS = { stdout: 1, stderr: 2, 'gap in stdout': 3, 'gap in stderr': 4 } as const
const HEADER_BYTES = 5
const GAP_BYTES = 8
/** The largest accepted piece. An agent's pieces have at most 128 KiB. */
const MAX_PIECE_BYTES = 1024 * 1024

export function encodePiece(piece: Piece): Uint8Array {
  const body = piece.kind === 'gap' ? gapBytes(piece.dropped) : piece.bytes
  const encoded = Buffer.allocUnsafe(HEADER_BYTES + body.length)
  encoded[0] = piece.kind === 'gap' ? KINDS[`gap in ${piece.stream}`] : KINDS[piece.kind]
  encoded.writeUInt32BE(body.length, 1)
  encoded.set(body, HEADER_BYTES)
  return encoded
}

function gapBytes(dropped: number): Uint8Array {
  const bytes = Buffer.alloc(GAP_BYTES)
  bytes.writeBigUInt64BE(BigInt(dropped))
  return bytes
}

export interface PieceReader {
  /**
   * Accepts the next bytes, cut anywhere. It calls `onPiece` for each piece in them. Bytes of a
   * stream are passed on as they arrive.
   */
  write(chunk: Uint8Array): Promise<void>
  /** @throws protocol.malformed if a piece is incomplete */
  end(): void
}

/**
 * @throws protocol.malformed for an unknown kind or a length above the bound, before memory is
 * allocated for it
 */
export function createPieceReader(onPiece: (piece: Piece) => Promise<void>): PieceReader {
  const header = Buffer.alloc(HEADER_BYTES)
  const gap = Buffer.alloc(GAP_BYTES)
  // Owned by write(): the position within the current piece.
  let headerHas = 0
  let left = 0
  let kind = 0

  const pass = async (bytes: Uint8Array): Promise<void> => {
    left -= bytes.length
    if (kind === KINDS.stdout || kind === KINDS.stderr)
      await onPiece({ kind: kind === KINDS.stdout ? 'stdout' : 'stderr', bytes })
    else {
      gap.set(bytes, GAP_BYTES - left - bytes.length)
      if (left === 0) await onPiece(gapPiece(kind, gap))
    }
    if (left === 0) headerHas = 0
  }
  return {
    async write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        if (headerHas < HEADER_BYTES) {
          const part = chunk.subarray(at, at + HEADER_BYTES - headerHas)
          header.set(part, headerHas)
          headerHas += part.length
          at += part.length
          if (headerHas < HEADER_BYTES) return
          ;({ kind, length: left } = readPieceHeader(header))
          if (left === 0) headerHas = 0
          continue
        }
        const part = chunk.subarray(at, at + left)
        at += part.length
        await pass(part)
      }
    },
    end() {
      if (headerHas !== 0)
        throw wireError('protocol.malformed', { what: 'output', reason: 'it ends inside a piece' })
    },
  }
}

function readPieceHeader(header: Buffer): { kind: number; length: number } {
  const kind = header.readUInt8(0)
  const length = header.readUInt32BE(1)
  const isGap = kind === KINDS['gap in stdout'] || kind === KINDS['gap in stderr']
  if (kind < 1 || kind > 4)
    throw wireError('protocol.malformed', {
      what: 'output',
      reason: `a piece of unknown kind ${kind}`,
    })
  if (length > MAX_PIECE_BYTES || (isGap && length !== GAP_BYTES))
    throw wireError('protocol.malformed', { what: 'output', reason: `a piece of ${length} bytes` })
  return { kind, length }
}

function gapPiece(kind: number, gap: Buffer): Piece {
  return {
    kind: 'gap',
    stream: kind === KINDS['gap in stdout'] ? 'stdout' : 'stderr',
    dropped: Number(gap.readBigUInt64BE()),
  }
}
