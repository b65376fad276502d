/**
 * A check of `muster doctor`: a file in checks/ and a line in checks.ts. A check examines one
 * thing and changes nothing. If it can't examine the thing, it doesn't return `ok`.
 */
import type { Subject } from './subject.ts'

/** `skipped`: the check applies here, but something that it needs is missing. */
export type CheckStatus = 'ok' | 'warn' | 'fail' | 'skipped'

export interface Finding {
  readonly status: CheckStatus
  /** The finding, such as `node v24.21.0`. With `skipped`, the reason. */
  readonly detail: string
  /** The command or change that fixes the problem. */
  readonly fix?: string
}

export interface Check {
  /** The name in JSON and before skipped checks: `coordinator`, `host clocks`. */
  readonly name: string
  /**
   * Returns one finding, or one for each problem. Undefined if the check does not apply, such as
   * the check of an agent's connection on a coordinator. A thrown error is a failure.
   */
  run(subject: Subject): Promise<Finding | readonly Finding[] | undefined>
}

/** The number of names that a finding lists. */
const SHOWN_NAMES = 10

/** Formats the names in one line: `a, b and 3 more`. */
export function someOf(names: readonly string[]): string {
  const rest = names.length - SHOWN_NAMES
  const shown = names.slice(0, SHOWN_NAMES).join(', ')
  return rest > 0 ? `${shown} and ${rest} more` : shown
}
