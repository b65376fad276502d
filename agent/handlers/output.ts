/**
 * The agent's side of `/muster/output/1`. Sends a run's output in pieces. Each piece contains the
 * name of its stream.
 */
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { encodePiece } from '../../protocols/output/pieces.ts'
import type { output } from '../../protocols/output/protocol.ts'
import { type RunId, runId } from '../../shared/ids.ts'
import { statusMessage } from '../commands/status.ts'
import { type Stream, STREAMS } from '../runner/ground/run-state.ts'
import type { OutputPart, RunnerClient } from '../runner/socket/client.ts'

/** The number of bytes of one read. */
const PIECE_BYTES = 64 * 1024

export function outputHandlers(deps: { runner: RunnerClient }): Handlers<typeof output> {
  const { runner } = deps
  return {
    async read(request, context) {
      const run = runId.parse(request.run)
      const { signal } = context
      const offsets = { stdout: request.stdout, stderr: request.stderr }
      const parts = request.follow
        ? runner.follow(run, { offsets }, signal)
        : readNow(runner, run, offsets, signal)
      for await (const { stream, bytes, dropped } of parts) {
        if (dropped > 0) await context.send(encodePiece({ kind: 'gap', stream, dropped }))
        if (bytes.length > 0) await context.send(encodePiece({ kind: stream, bytes }))
      }
      return { status: statusMessage(await runner.status(run, signal)) }
    },
  }
}

/** Yields the output up to now. It ends even if the run writes faster than its reader reads. */
async function* readNow(
  runner: RunnerClient,
  run: RunId,
  offsets: Readonly<Record<Stream, number>>,
  signal: AbortSignal,
): AsyncGenerator<OutputPart> {
  for (const stream of STREAMS) {
    const { size } = await runner.read(run, stream, offsets[stream], 1, signal)
    for (let at = offsets[stream]; at < size; ) {
      const max = Math.min(PIECE_BYTES, size - at)
      const part = await runner.read(run, stream, at, max, signal)
      yield { stream, ...part }
      if (part.bytes.length === 0) break
      at = part.offset + part.bytes.length
    }
  }
}
