/** Verifies the whole log, or an exported log without a network. */
import { defined } from '../../../shared/defined.ts'
import { verifyBundle } from '../../../shared/audit/bundle.ts'
import { rfc3339 } from '../../../shared/clock.ts'
import { sha256Hex } from '../../../shared/ids.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './verify.ts'

export function handle(context: CommandContext<Flags>): Promise<void> {
  const { bundle } = context.flags
  return bundle === undefined ? verifyLog(context) : verifyExport(context, bundle)
}

async function verifyLog(context: CommandContext<Flags>): Promise<void> {
  const report = await withSession(context, (session) => session.ask('audit.verify', {}))
  await context.printOne({
    value: report,
    name: String(report.size),
    fields: [
      ['entries', report.size],
      ['root', report.root],
      ['signed by', report.signer],
      ['open', report.openIntents],
      ['checkpoint', report.checkpoint, true],
    ],
  })
}

async function verifyExport(context: CommandContext<Flags>, bundle: string): Promise<void> {
  const { root } = context.flags
  const report = await verifyBundle(bundle, {
    signal: context.signal,
    ...defined({ root: root === undefined ? undefined : sha256Hex.parse(root) }),
  })
  const operators = report.operators.map(({ fingerprint, name }) => `${fingerprint} ${name}`)
  await context.printOne({
    value: report,
    name: String(report.size),
    fields: [
      ['entries', report.size],
      ['tree root', report.treeRoot],
      ['fleet', report.fleet],
      ['root statement', report.root],
      ['operators', operators.join('\n')],
      ['signed', `${rfc3339(report.signedAt)} by ${report.signer}`],
    ],
  })
  if (root === undefined)
    await context.note(
      'the bundle is complete and consistent; to check that it belongs to your fleet, ' +
        'pass --root with the fingerprint of the root',
    )
}
