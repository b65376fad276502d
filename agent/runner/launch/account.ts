/** The user of a run. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { startFailure } from '../ground/start-failure.ts'

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

/** If the lookup takes longer, the user counts as unknown. */
const LOOKUP_MS = 10_000

/** Returns the account of the runner's user. */
export function ownAccount(): Account {
  try {
    const { username, uid, gid, homedir } = userInfo()
    return { name: username, uid, gid, home: homedir }
  } catch {
    // In a container, the user id may have no entry in passwd.
    const [uid = 0, gid = 0] = [process.getuid?.(), process.getgid?.()]
    return { name: String(uid), uid, gid, home: '/' }
  }
}

/**
 * Finds the account of a name or a numeric id.
 * @throws StartFailure if there is none, or if the runner may not change to it
 */
export async function findAccount(
  deps: { getent: string | undefined },
  user: string,
): Promise<Account> {
  // getent would read a leading hyphen as an option, and passwd a colon as the end of the name.
  if (!/^[^-:\n\0][^:\n\0]*$/.test(user))
    throw startFailure('EINVAL', `user ${JSON.stringify(user)}`)
  const line =
    (await readFile('/etc/passwd', 'utf8').then(
      (text) => find(text, user),
      () => undefined,
    )) ?? (await lookUp(deps.getent, user))
  const account = line === undefined ? undefined : parse(line)
  if (account === undefined) throw startFailure('ENOENT', `user ${user}`)
  if (account.uid !== process.geteuid?.() && process.geteuid?.() !== 0)
    throw startFailure('EPERM', `user ${user}`)
  return account
}

function find(passwd: string, user: string): string | undefined {
  return passwd.split('\n').find((line) => {
    const [name, , uid] = line.split(':')
    return name === user || uid === user
  })
}

function lookUp(getent: string | undefined, user: string): Promise<string | undefined> {
  if (getent === undefined) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    execFile(
      getent,
      ['passwd', user],
      { env: {}, timeout: LOOKUP_MS, maxBuffer: 64 * 1024 },
      (error, stdout) => resolve(error === null ? stdout.split('\n')[0] : undefined),
    )
  })
}

/** Parses `name:password:uid:gid:comment:home:shell` (passwd(5)). */
function parse(line: string): Account | undefined {
  const [name, , uid, gid, , home] = line.split(':')
  if (name === undefined || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) return undefined
  return { name, uid: Number(uid), gid: Number(gid), home: home || '/' }
}
