/** Print the .repo file for this host’s own dnf, served by its gateway. */
import { writeRepoFile } from '../../nouns/repo-file.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './repofile.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  await context.stdout.write(await writeRepoFile(context, context.flags.repoId))
}
