/** Join a fleet with a ticket or a token. */
import { hostname } from 'node:os'
import { joinFleet } from '../../../agent/join.ts'
import { silentLogger } from '../../../shared/logger.ts'
import { parseTicket } from '../../../protocols/enroll/ticket.ts'
import '../../error-tables.ts'
import type { CommandContext } from '../../context.ts'
import type { Args, Flags } from './join.ts'

/** A ticket with sixteen addresses is a fraction of this. */
const MAX_TICKET_BYTES = 65_536

export async function handle(context: CommandContext<Flags, Args>): Promise<void> {
  const { name, hostKey } = context.flags
  const text = context.args.ticket === '-' ? await readAll(context.stdin) : context.args.ticket
  if (hostKey !== undefined) await context.note('the SSH host key now also speaks for this node: whoever holds it is this host in both')
  const joined = await joinFleet(
    { clock: context.clock, random: context.random, log: context.globals.verbose ? await context.log() : silentLogger },
    {
      home: context.home(),
      ticket: parseTicket(text),
      name: name ?? (hostname().split('.')[0] as string),
      claims: { hostname: hostname() },
      signal: context.signal,
      ...(hostKey === undefined ? {} : { hostKey }),
    },
  )
  await context.stdout.write(`${joined.identity.id}\n`)
  if (joined.status === 'pending')
    await context.note(
      `waiting for approval; compare the fingerprint ${joined.fingerprint}, then on the coordinator: muster enroll approve ${joined.identity.name}`,
    )
  await context.note('next: muster agent run')
}

async function readAll(stream: NodeJS.ReadStream): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += String(chunk)
    if (text.length > MAX_TICKET_BYTES) break
  }
  return text
}
