/** Runs every check and prints what it found. One check that breaks does not keep the others from being made. */
import { EXIT } from '../../../shared/exit-codes.ts'
import { MusterError } from '../../../shared/errors.ts'
import type { CommandContext } from '../../context.ts'
import { printable } from '../../sink.ts'
import type { Finding } from './check.ts'
import { checks } from './checks.ts'

const COLOR = { ok: 'green', warn: 'yellow', fail: 'red' } as const

export async function handle(context: CommandContext): Promise<number> {
  const found: (Finding & { check: string })[] = []
  for (const check of checks) {
    context.signal.throwIfAborted()
    const finding = await check.run(context).catch(broken)
    if (finding !== undefined) found.push({ check: check.name, ...finding })
  }
  const { output } = context.globals
  if (output === 'table' || output === 'wide')
    for (const finding of found) await context.stdout.write(line(context, finding))
  else {
    await context.printList({
      rows: found,
      columns: [],
      name: ({ check, status }) => `${check}/${status}`,
    })
  }
  const count = (status: Finding['status']): number =>
    found.filter((finding) => finding.status === status).length
  await context.note(`${count('ok')} ok, ${count('warn')} warnings, ${count('fail')} failures`)
  return count('fail') > 0 ? EXIT.failed : EXIT.done
}

function line(context: CommandContext, { status, detail, fix }: Finding): string {
  const word = context.stdout.style(COLOR[status], status.padEnd(4))
  return `${word}   ${printable(detail)}\n${fix === undefined ? '' : `         fix: ${printable(fix)}\n`}`
}

function broken(error: unknown): Finding {
  const [first = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
  const hint = error instanceof MusterError ? error.hint : undefined
  return { status: 'fail', detail: first, ...(hint === undefined ? {} : { fix: hint }) }
}
