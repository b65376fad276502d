/** Reads the ids of advisories (RHSA-2026:0001) from updateinfo.xml, as a stream. */
import { mirrorError } from '../../../model/errors.ts'
import { createXmlReader } from './xml.ts'

/** Red Hat has published about 10,000 for one release. */
export const MAX_ADVISORIES = 200_000
const ID = /^[A-Za-z0-9][A-Za-z0-9:._+-]{0,127}$/

/**
 * Returns the ids in the order of the file. Advisories without a valid id are left out.
 * @throws mirror.metadata
 */
export async function readAdvisoryIds(
  source: AsyncIterable<Uint8Array>,
  file: string,
): Promise<string[]> {
  const ids = new Set<string>()
  let text = ''
  let inUpdate = false
  const reader = createXmlReader(file, {
    open(name, _attributes, depth) {
      text = ''
      if (depth === 2) inUpdate = name === 'update'
    },
    text(part) {
      if (inUpdate && text.length < 256) text += part
    },
    close(name, depth) {
      if (depth === 3 && inUpdate && name === 'id' && ID.test(text.trim())) ids.add(text.trim())
      if (ids.size > MAX_ADVISORIES)
        throw mirrorError('mirror.metadata', {
          file,
          reason: `it lists more than ${MAX_ADVISORIES} advisories`,
        })
    },
  })
  for await (const bytes of source) reader.write(bytes)
  reader.end()
  return [...ids]
}
