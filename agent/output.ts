/** The agent's side of `/muster/output/1`: a run's output from the runner's files, each piece behind one byte that names its stream. */
import type { Handlers } from '../protocols/define-protocol.ts'
import { STDERR, STDOUT } from '../protocols/output/messages.ts'
import type { output } from '../protocols/output/protocol.ts'
import { runId } from '../shared/ids.ts'
import { statusMessage } from './commands/status.ts'
import type { RunnerClient } from './runner/client.ts'

/** Bytes of one read and of one data frame, the stream's byte aside. */
const PIECE_BYTES = 64 * 1024

export function outputHandlers(deps: { runner: RunnerClient }): Handlers<typeof output> {
  const { runner } = deps
  return {
    async read(request, context) {
      const run = runId.parse(request.run)
      // Every frame carries its own stream's byte, so none may be so long that it would be cut in two on its way.
      const send = async (stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void> => {
        for (let at = 0; at < bytes.length; at += PIECE_BYTES) await context.send(tagged(stream, bytes.subarray(at, at + PIECE_BYTES)))
      }
      const offsets = { stdout: request.stdout, stderr: request.stderr }
      if (request.follow) for await (const part of runner.follow(run, { offsets }, context.signal)) await send(part.stream, part.bytes)
      else
        for (const stream of ['stdout', 'stderr'] as const) {
          // What there is at this moment: a run that writes faster than it is read must not make this endless.
          const { size } = await runner.read(run, stream, offsets[stream], 1, context.signal)
          for (let at = offsets[stream]; at < size; ) {
            const { bytes, offset } = await runner.read(run, stream, at, Math.min(PIECE_BYTES, size - at), context.signal)
            if (bytes.length === 0) break
            await send(stream, bytes)
            at = offset + bytes.length
          }
        }
      return { status: statusMessage(await runner.status(run, context.signal)) }
    },
  }
}

function tagged(stream: 'stdout' | 'stderr', bytes: Uint8Array): Uint8Array {
  const piece = new Uint8Array(bytes.length + 1)
  piece[0] = stream === 'stdout' ? STDOUT : STDERR
  piece.set(bytes, 1)
  return piece
}
