/**
 * Rejects an intent that every coordinator would reject, before it is signed. The protocol's client
 * checks other requests.
 */
import type { z } from 'zod'
import { describeIssue } from '../../shared/schema-issue.ts'
import { cliError } from '../terminal/errors.ts'

/** @throws cli.usage, which names the first invalid field */
export function checkBeforeSigning(
  schema: { safeParse: z.ZodType['safeParse'] },
  value: unknown,
): void {
  const checked = schema.safeParse(value)
  if (checked.success) return
  throw cliError('cli.usage', {
    reason: `${describeIssue(checked.error.issues[0])}; nothing was signed`,
    hint: 'see --help',
  })
}
