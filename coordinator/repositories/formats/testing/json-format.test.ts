import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeFormat } from './contract.ts'
import { INDEX, type JsonIndex, jsonFormat } from './json-format.ts'

describeFormat('json', {
  format: jsonFormat,
  index: INDEX,
  immutable: 'files/a-1',
  mutable: INDEX,
  async write(folder, packages, { revision, advisories = [] }) {
    await mkdir(join(folder, 'files'), { recursive: true })
    const index: JsonIndex = {
      revision: String(revision),
      packages: [],
      advisories: [...advisories],
    }
    for (const { name, version } of packages) {
      const file = `files/${name}-${version}`
      const bytes = Buffer.from(`content of ${name} ${version}`)
      await writeFile(join(folder, file), bytes)
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      index.packages.push({ name, version, arch: 'any', file, sha256, size: bytes.length })
    }
    await writeFile(join(folder, INDEX), JSON.stringify(index))
    return index.packages.map(({ file }) => file)
  },
})
