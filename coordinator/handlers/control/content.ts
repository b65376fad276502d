/** Returns blobs from the coordinator's pool, or from hosts if the pool lacks them. */
import type { control } from '../../../protocols/control/protocol.ts'
import type { Handlers } from '../../../protocols/rpc/define-protocol.ts'
import type { Content } from '../../../node/content/content.ts'
import { blobId } from '../../../shared/ids.ts'

export type ContentHandlers = Pick<Handlers<typeof control>, 'blob.get' | 'blob.providers'>
export interface ContentDeps {
  readonly content: Content
}

export function contentHandlers(deps: ContentDeps): ContentHandlers {
  return {
    'blob.get': async ({ blob, range }, context) => {
      const { size, read } = await deps.content.open(blobId.parse(blob), context.signal)
      for await (const chunk of read(range, context.signal)) await context.send(chunk)
      return { size }
    },
    'blob.providers': async ({ blob }, { signal }) => ({
      providers: await deps.content.providers(blobId.parse(blob), signal),
    }),
  }
}
