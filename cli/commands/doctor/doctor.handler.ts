/** Runs every check and prints the findings. A check that throws does not stop the others. */
import { defined } from '../../../shared/defined.ts'
import { EXIT } from '../../../shared/exit-codes.ts'
import { MusterError } from '../../../shared/errors.ts'
import type { CommandContext } from '../../program/handler.ts'
import { counted } from '../../terminal/counted.ts'
import { printable } from '../../terminal/sink.ts'
import type { Check, CheckStatus, Finding } from './ground/check.ts'
import { checks } from './checks.ts'
import { createSubject, reasonOf, type Subject } from './ground/subject.ts'

const COLOR = { ok: 'green', warn: 'yellow', fail: 'red', skipped: 'yellow' } as const
/** Columns for the status. The longest one is `skipped`. */
const WIDTH = 10

type Row = Finding & { readonly check: string }

export async function handle(context: CommandContext): Promise<number> {
  await using subject = await createSubject(context)
  const found: Row[] = []
  for (const check of checks) {
    context.signal.throwIfAborted()
    found.push(...(await findingsOf(check, subject)))
  }
  const { output } = context.globals
  if (output === 'table' || output === 'wide')
    for (const row of found) await context.stdout.write(line(context, row))
  else {
    await context.printList({
      rows: found,
      columns: [],
      name: ({ check, status }) => `${check}/${status}`,
    })
  }
  const count = (status: CheckStatus): number => found.filter((row) => row.status === status).length
  const skipped = count('skipped')
  await context.note(
    [
      `${count('ok')} ok`,
      ...(skipped > 0 ? [`${skipped} skipped`] : []),
      counted(count('warn'), 'warning'),
      counted(count('fail'), 'failure'),
    ].join(', '),
  )
  return count('fail') > 0 ? EXIT.failed : EXIT.done
}

async function findingsOf(check: Check, subject: Subject): Promise<Row[]> {
  const found = await check.run(subject).catch((error: unknown) => {
    subject.context.signal.throwIfAborted()
    return broken(error)
  })
  const findings = found === undefined ? [] : isList(found) ? found : [found]
  return findings.map((finding) => ({ check: check.name, ...finding }))
}

const isList = (found: Finding | readonly Finding[]): found is readonly Finding[] =>
  Array.isArray(found)

function line(context: CommandContext, { check, status, detail, fix }: Row): string {
  const word = context.stdout.style(COLOR[status], status.padEnd(WIDTH))
  const text = status === 'skipped' ? `${check}: ${detail}` : detail
  const advice = fix === undefined ? '' : `${' '.repeat(WIDTH)}fix: ${printable(fix)}\n`
  return `${word}${printable(text)}\n${advice}`
}

function broken(error: unknown): Finding {
  const hint = error instanceof MusterError ? error.hint : undefined
  return {
    status: 'fail',
    detail: reasonOf(error),
    ...defined({ fix: hint }),
  }
}
