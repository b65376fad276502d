/** What a check of `muster doctor` is. Add one as a file under checks/ and a line in checks.ts. */
import type { CommandContext } from '../../context.ts'

export interface Finding {
  readonly status: 'ok' | 'warn' | 'fail'
  /** What was found: `node v24.21.0`. */
  readonly detail: string
  /** How to mend it; with warn and fail. */
  readonly fix?: string
}

export interface Check {
  readonly name: string
  /** Undefined where the check does not apply. A throw counts as a failure of what it checks. */
  run(context: CommandContext): Promise<Finding | undefined>
}
