/** Prints the .repo file with which this host’s dnf uses the gateway of its agent. */
import { writeRepoFile } from '../../nouns/repo-file.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './repofile.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  await context.stdout.write(await writeRepoFile(context, context.flags.repoId))
}
