/** A run's state in the few words that people and scripts read: remote-runner's and process-manager's, and those for the states that they lack. */
export type RunState =
  | 'starting'
  | 'running'
  | 'exited'
  | 'stopped'
  | 'killed'
  | 'failed to start'
  | 'lost'

export interface RunEnd {
  readonly state: RunState
  readonly exitCode?: number | null | undefined
  readonly signal?: string | null | undefined
  readonly reason?: string | null | undefined
}

/** `running` | `exited: N` | `stopped` | `killed: SIGNAL` | `failed to start: REASON` | `lost: REASON` */
export function runWords({ state, exitCode, signal, reason }: RunEnd): string {
  switch (state) {
    case 'starting':
    case 'running':
      return 'running'
    case 'stopped':
      return 'stopped'
    case 'exited':
      return `exited: ${exitCode ?? 'unknown'}`
    case 'killed':
      return `killed: ${signal ?? reason ?? 'unknown'}`
    case 'failed to start':
    case 'lost':
      return `${state}: ${reason ?? 'unknown'}`
    default:
      return state satisfies never
  }
}

/** True once nothing about the run changes any more. */
export function isTerminal(state: RunState): boolean {
  return state !== 'starting' && state !== 'running'
}

/** What `muster run` exits with: the remote code, 128 and the signal's number, 125 where Muster or the start failed. */
export function runExitCode(
  { state, exitCode, signal }: RunEnd,
  signalNumber: (name: string) => number | undefined,
): number {
  if (state === 'exited') return exitCode ?? 125
  if (state !== 'killed' && state !== 'stopped') return 125
  if (typeof signal === 'string') return 128 + (signalNumber(signal) ?? 0)
  return exitCode ?? 125
}
