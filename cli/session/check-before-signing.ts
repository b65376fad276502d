/** Refuses arguments that no coordinator takes, before anything is sent or signed. */
import type { z } from 'zod'
import { cliError } from '../errors.ts'

/** The value itself. @throws cli.usage, which names the first field that doesn't fit */
export function checkRequest<T>(schema: { safeParse: z.ZodType['safeParse'] }, value: T): T {
  const checked = schema.safeParse(value)
  if (checked.success) return value
  const [issue] = checked.error.issues
  const field = issue?.path.filter((part) => typeof part === 'string').join('.') || 'arguments'
  throw cliError('cli.usage', {
    reason: `${field}: ${expectation(issue)}; nothing was sent`,
    hint: 'see --help',
  })
}

/** What the field takes. Never its text: that may be a secret, or very long. */
function expectation(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'it is not valid'
  const unit = 'origin' in issue && issue.origin === 'string' ? 'characters' : 'as its size'
  if (issue.code === 'too_small') return `expected at least ${issue.minimum} ${unit}`
  if (issue.code === 'too_big') return `expected at most ${issue.maximum} ${unit}`
  return issue.message.startsWith('expected') ? issue.message : 'it is not valid'
}
