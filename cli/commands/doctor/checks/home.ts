/** The home: it exists, it is ours, and nobody else can read the keys in it. */
import { stat } from 'node:fs/promises'
import type { Check } from '../ground/check.ts'

export const home: Check = {
  name: 'home',
  run: async ({ context }) => {
    const folder = context.home()
    const found = await stat(folder).catch((error: NodeJS.ErrnoException) => error.code ?? 'error')
    if (found === 'ENOENT')
      return {
        status: 'warn',
        detail: `there is no home at ${folder}`,
        fix: 'muster init, or muster agent join',
      }
    if (typeof found === 'string')
      return {
        status: 'fail',
        detail: `can't look at the home ${folder}: ${found}`,
        fix: `run this as the user who owns ${folder}`,
      }
    if (!found.isDirectory())
      return {
        status: 'fail',
        detail: `the home ${folder} is not a folder`,
        fix: 'name another one with --home',
      }
    const uid = process.getuid?.() ?? 0
    if (found.uid !== uid) {
      const fix = `run muster as user ${found.uid}, or chown -R ${uid} ${folder}`
      return {
        status: uid === 0 ? 'warn' : 'fail',
        detail: `the home ${folder} belongs to user ${found.uid}, and this is user ${uid}`,
        fix,
      }
    }
    if ((found.mode & 0o022) !== 0)
      return {
        status: 'fail',
        detail: `others may write the home ${folder}`,
        fix: `chmod go-w ${folder}`,
      }
    return { status: 'ok', detail: `home ${folder}` }
  },
}
