/** The contract of all collectors, for dpkg. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describeCollector } from '../testing/describe-collector.ts'
import { dpkgCollector } from './collect.ts'

const FILE = 'var/lib/dpkg/status'

describeCollector('dpkg', {
  make: () => dpkgCollector,
  file: FILE,
  async write(root, packages) {
    await mkdir(dirname(join(root, FILE)), { recursive: true })
    const records = packages.map(
      ({ name, version }) => `Package: ${name}
Status: install ok installed
Architecture: all
Version: ${version}

`,
    )
    await writeFile(join(root, FILE), records.join(''))
  },
  async damage(root) {
    const text = await readFile(join(root, FILE), 'utf8')
    await writeFile(join(root, FILE), text.slice(0, -10))
  },
  async spoil(root, name) {
    const text = await readFile(join(root, FILE), 'utf8')
    const at = text.indexOf('Status:', text.indexOf(`Package: ${name}\n`))
    await writeFile(join(root, FILE), `${text.slice(0, at)}Status: torn\n${text.slice(at)}`)
  },
})
