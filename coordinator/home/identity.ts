/**
 * Reads a coordinator's `coordinator.json`: its fleet, its name, and the digest of the root. All
 * statements in the database must lead to this root.
 */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { errno } from '../../shared/errno.ts'
import { defineErrors } from '../../shared/errors.ts'
import { coordinatorPaths } from '../../shared/home.ts'
import { fleetId, sha256Hex } from '../../shared/ids.ts'
import type { FleetId, Sha256 } from '../../shared/ids.ts'

export const homeError = defineErrors({
  'home.absent': {
    exit: 'usage',
    message: (d: { folder: string }) => `${d.folder} is not a coordinator's home`,
    hint: () => 'run `muster init` to create one, or name another with --home',
  },
  'home.unreadable': {
    exit: 'denied',
    message: (d: { file: string; reason: string }) => `${d.file} cannot be read: ${d.reason}`,
    hint: () => 'run this as the user who owns the home',
  },
  'home.exists': {
    exit: 'conflict',
    message: (d: { folder: string }) => `${d.folder} exists and is not empty`,
    hint: () => 'choose another --home, or remove the folder if its content is not needed',
  },
  'home.damaged': {
    exit: 'failed',
    message: (d: { file: string; reason: string }) => `${d.file} cannot be used: ${d.reason}`,
    hint: () => 'restore it from a backup',
  },
  'home.unwritable': {
    exit: 'failed',
    message: (d: { folder: string; reason: string }) =>
      `the home ${d.folder} cannot be created: ${d.reason}`,
    hint: () => 'check space and permissions, then run `muster init` again',
  },
  'home.not-operator': {
    exit: 'usage',
    message: (d: { fingerprint: string }) =>
      `the signing key ${d.fingerprint} is not one of the operators of --operator`,
    hint: () => 'add its .pub file with --operator, or name a key of an operator with --identity',
  },
})

const schema = z.strictObject({
  fleet: z.custom<FleetId>((value) => fleetId.is(value)),
  fleetName: z.string(),
  name: z.string(),
  root: z.custom<Sha256>((value) => sha256Hex.is(value)),
})
export type CoordinatorIdentity = z.infer<typeof schema>

/** @throws home.absent, home.unreadable, home.damaged */
export async function readCoordinatorIdentity(home: string): Promise<CoordinatorIdentity> {
  const { identity: file } = coordinatorPaths(home)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    const code = errno(cause) ?? 'unknown'
    // The home exists and can't be read. If the error were `home.absent`, the caller could create
    // another home.
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      throw homeError('home.unreadable', { file, reason: code }, { cause })
    throw homeError('home.absent', { folder: home }, { cause })
  }
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw homeError(
      'home.damaged',
      { file, reason: 'its content is not the one that `muster init` wrote' },
      { cause },
    )
  }
}
