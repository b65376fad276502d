/** Prints the .repo file for dnf and zypper of this host, with the agent's address. */
import { writeRepoFile } from '../../nouns/repo-file.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './repofile.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  await context.stdout.write(await writeRepoFile(context, context.flags.repoId))
}
