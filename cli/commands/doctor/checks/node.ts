/** Checks the version of Node.js. TypeScript is stable since 24.12. */
import type { Check } from '../ground/check.ts'

export const node: Check = {
  name: 'node',
  run: async () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    const detail = `node ${process.version}`
    if (major > 24 || (major === 24 && minor >= 12)) return { status: 'ok', detail }
    return {
      status: 'fail',
      detail: `${detail} is older than 24.12`,
      fix: 'install Node 24, or start muster through bin/muster, which contains one',
    }
  },
}
