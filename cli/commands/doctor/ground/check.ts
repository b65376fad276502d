/**
 * What a check of `muster doctor` is. Add one as a file under checks/ and a line in checks.ts.
 * A check looks at one thing, changes nothing, and never calls `ok` what it could not look at.
 */
import type { Subject } from './subject.ts'

/** `skipped`: the check applies here, and what it needs is missing. */
export type CheckStatus = 'ok' | 'warn' | 'fail' | 'skipped'

export interface Finding {
  readonly status: CheckStatus
  /** What was found: `node v24.21.0`. With `skipped`, why the check could not be made. */
  readonly detail: string
  /** The command or change that mends it. */
  readonly fix?: string
}

export interface Check {
  /** Stands in JSON, and in front of what was skipped: `coordinator`, `host clocks`. */
  readonly name: string
  /**
   * One finding, or one for each thing that is wrong. Undefined where the check does not apply,
   * such as an agent's link on a coordinator. An error that it throws is a failure.
   */
  run(subject: Subject): Promise<Finding | readonly Finding[] | undefined>
}

/** Names in one line: more hide the first ones. */
const SHOWN_NAMES = 10

/** `a, b and 3 more`: the names of a finding in one line. */
export function someOf(names: readonly string[]): string {
  const rest = names.length - SHOWN_NAMES
  const shown = names.slice(0, SHOWN_NAMES).join(', ')
  return rest > 0 ? `${shown} and ${rest} more` : shown
}
