/** Creates a real runner with a separate home for tests. Nothing is left when the test ends. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock as clock } from '../../../shared/clock.ts'
import { type RunId, runId, uuidv7Generator } from '../../../shared/ids.ts'
import { systemRandom as random } from '../../../shared/random.ts'
import { connectRunner, type RunnerClient } from '../socket/client.ts'
import { readStat } from '../containment/process-identity.ts'
import type { RunLimits, RunOrder } from '../ground/order.ts'
import type { RunStatus } from '../records/run-status.ts'

const newUuid = uuidv7Generator({ clock, random })
/** Longer than any step takes on a busy machine. */
const PATIENCE_MS = 30_000

export type Containment = 'auto' | 'cgroup1' | 'none'

export interface RunnerHome extends AsyncDisposable {
  readonly home: string
  readonly client: RunnerClient
  /** Starts a command. All other fields have defaults. */
  start(
    command: readonly string[],
    order?: Partial<Omit<RunOrder, 'limits'>>,
    limits?: Partial<RunLimits>,
  ): Promise<RunStatus>
  /** Returns the whole output after the end of the run. */
  output(run: RunId): Promise<{ stdout: Buffer; stderr: Buffer; dropped: number }>
  /** Sends SIGKILL. The next call of `client` starts a new runner. */
  killRunner(): Promise<void>
}

export function newRunId(): RunId {
  return runId.parse(newUuid())
}

/** Checks until `condition` returns a value, and returns it. */
export async function eventually<T>(
  what: string,
  condition: () => T | Promise<T>,
): Promise<NonNullable<T>> {
  const until = clock.monotonic() + PATIENCE_MS
  for (;;) {
    const value = await condition()
    if (value !== undefined && value !== null && value !== false) return value
    if (clock.monotonic() > until) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`)
    await clock.sleep(5)
  }
}

export async function openRunnerHome(
  options: { containment?: Containment } = {},
): Promise<RunnerHome> {
  const home = await mkdtemp(join(tmpdir(), 'muster-runner-'))
  const client = await connectRunner(
    { clock },
    {
      home,
      spawnIfAbsent: true,
      runnerArguments: ['--containment', options.containment ?? 'auto'],
    },
  )
  return {
    home,
    client,
    start: (command, order = {}, limits = {}) =>
      client.start({
        run: newRunId(),
        command,
        env: {},
        ...order,
        limits: { outputBytes: 64 * 1024 * 1024, ...limits },
      }),
    output: async (run) => {
      const parts = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] }
      let dropped = 0
      for await (const part of client.follow(run)) {
        parts[part.stream].push(part.bytes)
        dropped += part.dropped
      }
      return { stdout: Buffer.concat(parts.stdout), stderr: Buffer.concat(parts.stderr), dropped }
    },
    killRunner: async () => {
      const { pid } = await client.info()
      process.kill(pid, 'SIGKILL')
      await eventually('the runner is dead', () => readStat(pid) === undefined)
    },
    [Symbol.asyncDispose]: async () => {
      const { pid } = await client.info()
      await client.shutdown({ stopRuns: true, graceMs: 0 })
      await eventually('the runner has ended', () => readStat(pid) === undefined)
      await rm(home, { recursive: true })
    },
  }
}
