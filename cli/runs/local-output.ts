/** Reads the output of a run of this host through the runner's socket. */
import type { OutputPart, RunnerClient } from '../../agent/runner/socket/client.ts'
import type { RunId } from '../../shared/ids.ts'
import { KIB } from '../../shared/units.ts'
import type { OutputOptions } from './run-output.ts'

const READ_BYTES = 64 * KIB
const STREAMS = ['stdout', 'stderr'] as const

type Part = Pick<OutputPart, 'stream' | 'bytes' | 'dropped'>

/** Passes on the output so far. With `follow`, it passes on all output until the run ends. */
export async function copyOutput(
  runner: RunnerClient,
  run: RunId,
  options: OutputOptions,
  signal: AbortSignal,
): Promise<void> {
  const parts = options.follow ? runner.follow(run, {}, signal) : presentOutput(runner, run, signal)
  for await (const { stream, bytes, dropped } of parts) {
    if (dropped > 0) await options.gap?.(stream, dropped)
    if (bytes.length > 0) await options[stream](bytes)
  }
}

/**
 * Reads the output up to its present size. So the read ends even if the run writes faster than the
 * caller reads.
 */
async function* presentOutput(
  runner: RunnerClient,
  run: RunId,
  signal: AbortSignal,
): AsyncIterable<Part> {
  for (const stream of STREAMS) {
    const { size } = await runner.read(run, stream, 0, 1, signal)
    for (let at = 0; at < size; ) {
      const part = await runner.read(run, stream, at, Math.min(READ_BYTES, size - at), signal)
      yield { ...part, stream }
      if (part.bytes.length === 0) break
      at = part.offset + part.bytes.length
    }
  }
}
