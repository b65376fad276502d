/** Hashes blobs of the pool and fetches damaged ones again. */
import { openClient } from '../../../protocols/rpc/call.ts'
import type { CheckResponse } from '../../../protocols/local/messages.ts'
import { localProtocol } from '../../../protocols/local/protocol.ts'
import { dialSocket } from '../../../protocols/rpc/socket.ts'
import { EXIT } from '../../../shared/exit-codes.ts'
import { agentPaths, coordinatorPaths } from '../../../shared/home.ts'
import { formatSize } from '../../../shared/units.ts'
import type { CommandContext } from '../../program/handler.ts'
import { homeKind } from '../../session/home-kind.ts'
import { printable } from '../../terminal/sink.ts'
import type { Flags } from './check.ts'

export async function handle(context: CommandContext<Flags>): Promise<number> {
  const kind = await homeKind(context.home())
  const { socket } = (kind === 'agent' ? agentPaths : coordinatorPaths)(context.home())
  const progress = await context.progress({ what: 'pool', unit: 'blobs' })
  try {
    const client = openClient(
      localProtocol,
      await dialSocket(socket, localProtocol.id, context.signal),
      context,
    )
    progress.state({ phase: 'checking', count: 0, of: 0, bytes: 0, total: 0 })
    const checked = await client
      .call(
        'pool.check',
        { deep: context.flags.deep },
        {
          signal: context.signal,
          onProgress: ({ checked: count, of }) =>
            progress.state({ phase: 'checking', count, of, bytes: 0, total: 0 }),
        },
      )
      .finally(() => void client.close().catch(() => undefined))
    progress.stop()
    await print(context, checked)
    return isSound(checked) ? EXIT.done : EXIT.verification
  } finally {
    progress.stop()
  }
}

const isSound = ({ damaged, missing, repaired, unrepaired }: CheckResponse): boolean =>
  damaged + missing + repaired.length + unrepaired.length === 0

async function print(context: CommandContext<Flags>, checked: CheckResponse): Promise<void> {
  const { blobs, hashed, hashedBytes, damaged, missing, healed, found, repaired, unrepaired } =
    checked
  const bad = damaged + missing
  await context.printOne({
    value: checked,
    fields: [],
    name: isSound(checked) ? 'sound' : 'damaged',
    line: `pool: ${hashed} of ${blobs} blobs hashed (${formatSize(hashedBytes)}); ${
      bad === 0
        ? 'none is damaged'
        : `${damaged} damaged, ${missing} missing, ${healed} of them fetched again`
    }`,
  })
  for (const { blob, state, files, healedFrom, reason } of found) {
    const names = files.length === 0 ? '' : ` (${files.join(', ')})`
    const end = healedFrom === null ? `not repaired: ${reason}` : `fetched again from ${healedFrom}`
    await context.note(printable(`${blob}${names} ${state}; ${end}`))
  }
  if (bad > found.length) await context.note(`and ${bad - found.length} more`)
  for (const target of repaired)
    await context.note(
      printable(`published as ${target}: a file was altered; the tree was built again`),
    )
  for (const target of unrepaired)
    await context.note(
      printable(`published as ${target}: a file is altered; the tree can't be built again`),
    )
}
