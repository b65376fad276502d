/** Checks that the home exists, belongs to this user, and is not writable by others. */
import { stat } from 'node:fs/promises'
import { errno } from '../../../../shared/errno.ts'
import type { Check } from '../ground/check.ts'

export const home: Check = {
  name: 'home',
  run: async ({ context }) => {
    const folder = context.home()
    const found = await stat(folder).catch((error: unknown) => errno(error) ?? 'error')
    if (found === 'ENOENT')
      return {
        status: 'warn',
        detail: `there is no home at ${folder}`,
        fix: 'create one: muster init, or muster agent join',
      }
    if (typeof found === 'string')
      return {
        status: 'fail',
        detail: `cannot read the home ${folder}: ${found}`,
        fix: `run this as the user who owns ${folder}`,
      }
    if (!found.isDirectory())
      return {
        status: 'fail',
        detail: `the home ${folder} is not a folder`,
        fix: 'name another home with --home',
      }
    const uid = process.getuid?.() ?? 0
    if (found.uid !== uid) {
      const fix = `run muster as user ${found.uid}, or chown -R ${uid} ${folder}`
      return {
        status: uid === 0 ? 'warn' : 'fail',
        detail: `the home ${folder} belongs to user ${found.uid}, but muster runs as user ${uid}`,
        fix,
      }
    }
    if ((found.mode & 0o022) !== 0)
      return {
        status: 'fail',
        detail: `other users can write to the home ${folder}`,
        fix: `chmod go-w ${folder}`,
      }
    return { status: 'ok', detail: `home ${folder}` }
  },
}
