/** Converts the runner's status of a run to a message of the command protocol. */
import type { RunStatusMessage } from '../../protocols/command/messages.ts'
import { rfc3339 } from '../../shared/clock.ts'
import { defined } from '../../shared/defined.ts'
import type { RunStatus } from '../runner/records/run-status.ts'

export function statusMessage(status: RunStatus): RunStatusMessage {
  return defined({
    run: status.run,
    state: status.state,
    exitCode: status.exitCode ?? null,
    signal: status.signal ?? null,
    reason: status.reason ?? null,
    startedAt: rfc3339(status.startedAt),
    endedAt: status.endedAt === undefined ? null : rfc3339(status.endedAt),
    stdoutBytes: status.outputBytes.stdout,
    stderrBytes: status.outputBytes.stderr,
    droppedBytes: status.droppedBytes,
    limits: status.limits,
    containment: status.containment,
    unenforced: status.unenforced && [...status.unenforced],
  })
}
