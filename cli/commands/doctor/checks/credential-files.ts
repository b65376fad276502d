/** Checks the files that the configuration names for upstreams: keys, certificates, passwords. */
import { inspectFile, namedFiles } from '../../../nouns/credential-files.ts'
import { counted } from '../../../terminal/counted.ts'
import type { Check } from '../ground/check.ts'

export const credentialFiles: Check = {
  name: 'files',
  run: async ({ context, kind }) => {
    const config = await context.config().catch(() => undefined)
    if (config === undefined)
      return kind === undefined
        ? undefined
        : { status: 'skipped', detail: 'cannot read the configuration' }
    const files = config.repositories.flatMap(namedFiles)
    if (files.length === 0) return undefined
    const found = []
    for (const file of files) found.push(...(await inspectFile(context.clock, file)))
    if (found.length > 0) return found
    return { status: 'ok', detail: `${counted(files.length, 'file')} for upstreams` }
  },
}
