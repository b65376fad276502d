/** The words for a run's state that people and scripts read: remote-runner's and process-manager's, and the states that they lack. */
import type { RunStatusMessage } from './messages.ts'

/** `running` | `exited: N` | `stopped` | `killed: SIGNAL` | `failed to start: REASON` | `lost: REASON` */
export function statusWords(status: Pick<RunStatusMessage, 'state' | 'exitCode' | 'signal' | 'reason'>): string {
  switch (status.state) {
    case 'starting':
    case 'running':
      return 'running'
    case 'exited':
      return `exited: ${status.exitCode ?? 'unknown'}`
    case 'stopped':
      return 'stopped'
    case 'killed':
      return `killed: ${status.signal ?? 'unknown'}`
    case 'failed to start':
      return `failed to start: ${status.reason ?? 'unknown'}`
    case 'lost':
      return `lost: ${status.reason ?? 'unknown'}`
    default:
      return status.state satisfies never
  }
}

/** True once nothing about the run changes any more. */
export function isTerminal(state: RunStatusMessage['state']): boolean {
  return state !== 'starting' && state !== 'running'
}

/** What `muster run` exits with: the remote code, 128 + the signal's number, 125 where Muster or the start failed. */
export function exitCodeOf(
  status: Pick<RunStatusMessage, 'state' | 'exitCode' | 'signal'>,
  signalNumber: (name: string) => number | undefined,
): number {
  if (status.state === 'exited' && status.exitCode !== null) return status.exitCode
  if ((status.state === 'killed' || status.state === 'stopped') && status.signal !== null) return 128 + (signalNumber(status.signal) ?? 0)
  return status.state === 'stopped' && status.exitCode !== null ? status.exitCode : 125
}
