/** Verifies the whole log, or an exported log without a network. */
import { defined } from '../../../shared/defined.ts'
import { verifyBundle } from '../../../shared/audit/bundle.ts'
import { rfc3339 } from '../../../shared/clock.ts'
import { sha256Hex } from '../../../shared/ids.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './verify.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { bundle, root } = context.flags
  if (bundle === undefined) {
    const report = await withSession(context, (session) => session.ask('audit.verify', {}))
    return context.printOne({
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
  const report = await verifyBundle(bundle, {
    signal: context.signal,
    ...defined({ root: root === undefined ? undefined : sha256Hex.parse(root) }),
  })
  await context.printOne({
    value: report,
    name: String(report.size),
    fields: [
      ['entries', report.size],
      ['tree root', report.treeRoot],
      ['fleet', report.fleet],
      ['root statement', report.root],
      [
        'operators',
        report.operators.map((operator) => `${operator.fingerprint} ${operator.name}`).join('\n'),
      ],
      ['signed', `${rfc3339(report.signedAt)} by ${report.signer}`],
    ],
  })
  if (root === undefined)
    await context.note(
      'the bundle is complete and consistent; to check that it belongs to your fleet, ' +
        'pass --root with the fingerprint of the root',
    )
}
