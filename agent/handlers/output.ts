/**
 * The agent's side of `/muster/output/1`: a run's output from the runner's files, as pieces that
 * name their stream.
 */
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { encodePiece } from '../../protocols/output/pieces.ts'
import type { output } from '../../protocols/output/protocol.ts'
import { runId } from '../../shared/ids.ts'
import { statusMessage } from '../commands/status.ts'
import type { RunnerClient } from '../runner/socket/client.ts'

/** Bytes of one read. */
const PIECE_BYTES = 64 * 1024

export function outputHandlers(deps: { runner: RunnerClient }): Handlers<typeof output> {
  const { runner } = deps
  return {
    async read(request, context) {
      const run = runId.parse(request.run)
      const send = async (
        stream: 'stdout' | 'stderr',
        part: { bytes: Uint8Array; dropped: number },
      ): Promise<void> => {
        if (part.dropped > 0)
          await context.send(encodePiece({ kind: 'gap', stream, dropped: part.dropped }))
        if (part.bytes.length > 0)
          await context.send(encodePiece({ kind: stream, bytes: part.bytes }))
      }
      const offsets = { stdout: request.stdout, stderr: request.stderr }
      if (request.follow)
        for await (const part of runner.follow(run, { offsets }, context.signal))
          await send(part.stream, part)
      else
        for (const stream of ['stdout', 'stderr'] as const) {
          // What there is at this moment: a run that writes faster than it is read must not make
          // this endless.
          const { size } = await runner.read(run, stream, offsets[stream], 1, context.signal)
          for (let at = offsets[stream]; at < size; ) {
            const part = await runner.read(
              run,
              stream,
              at,
              Math.min(PIECE_BYTES, size - at),
              context.signal,
            )
            await send(stream, part)
            if (part.bytes.length === 0) break
            at = part.offset + part.bytes.length
          }
        }
      return { status: statusMessage(await runner.status(run, context.signal)) }
    },
  }
}
