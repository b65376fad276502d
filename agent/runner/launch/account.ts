/** The user that a run is started as. */
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

/** A directory service that doesn't answer in this time is reported, not waited for. */
const LOOKUP_MS = 10_000

/** The user the runner itself runs as. */
export function ownAccount(): Account {
  try {
    const { username, uid, gid, homedir } = userInfo()
    return { name: username, uid, gid, home: homedir }
  } catch {
    // A container may run us under an id that no passwd entry names.
    const uid = process.getuid?.() as number
    return { name: String(uid), uid, gid: process.getgid?.() as number, home: '/' }
  }
}

/**
 * The account of a name or a numeric id. Throws a {@link startFailure} when there is none or we may
 * not become it.
 */
export async function findAccount(
  deps: { getent: string | undefined },
  user: string,
): Promise<Account> {
  // A leading hyphen is an option to getent, a colon ends the name in passwd: no user has either.
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

/** `name:password:uid:gid:comment:home:shell` (passwd(5)). */
function parse(line: string): Account | undefined {
  const [name, , uid, gid, , home] = line.split(':')
  if (name === undefined || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) return undefined
  return { name, uid: Number(uid), gid: Number(gid), home: home || '/' }
}
