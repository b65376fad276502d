/** Joins a fleet with a ticket or a token. */
import { defined } from '../../../shared/defined.ts'
import { hostname } from 'node:os'
import { joinFleet } from '../../../agent/membership/join.ts'
import { silentLogger } from '../../../shared/logger.ts'
import { parseTicket } from '../../../protocols/enroll/ticket.ts'
import '../../program/error-tables.ts'
import type { CommandContext } from '../../program/handler.ts'
import { readLine } from '../../terminal/read-line.ts'
import type { Args, Flags } from './join.ts'

export async function handle(context: CommandContext<Flags, Args>): Promise<void> {
  const { name, hostKey } = context.flags
  const text =
    context.args.ticket === '-' ? await readLine(context, 'ticket or token') : context.args.ticket
  if (hostKey !== undefined)
    await context.note('the SSH host key is now also the key of this node: protect it as both')
  const joined = await joinFleet(
    {
      clock: context.clock,
      random: context.random,
      log: context.globals.verbose ? await context.log() : silentLogger,
    },
    {
      home: context.home(),
      ticket: parseTicket(text),
      name: name ?? hostname().replace(/\..*/s, ''),
      claims: { hostname: hostname() },
      signal: context.signal,
      ...defined({ hostKey }),
    },
  )
  const { id, name: called } = joined.identity
  await context.printOne({
    value: { id, name: called, status: joined.status, fingerprint: joined.fingerprint },
    fields: [],
    line: id,
    name: id,
  })
  if (joined.status === 'pending')
    await context.note(
      `waiting for approval; compare the fingerprint ${joined.fingerprint}, ` +
        `then run on the coordinator: muster enroll approve ${called}`,
    )
  await context.note('next: muster agent run')
}
