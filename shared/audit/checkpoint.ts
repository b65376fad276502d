/**
 * Signs and opens checkpoints (C2SP tlog-checkpoint): the number of entries in the log and their
 * root, signed by an issuing key of the fleet. The origin `<fleet>/audit` is also the name of every
 * signing key, so a checkpoint of another fleet is never accepted.
 */
import { parseRfc3339, rfc3339 } from '../clock.ts'
import type { Signer } from '../identity/signer.ts'
import type { FleetId } from '../ids.ts'
import { auditError } from './errors.ts'
import { type NoteKey, openNote, signNote } from './note.ts'
import { HASH_BYTES } from './tree.ts'

export interface Checkpoint {
  /** The number of entries in the log. */
  readonly size: number
  /** The RFC 6962 root, 32 bytes. */
  readonly root: Uint8Array
  /** The time of the signature, milliseconds since the epoch. */
  readonly at: number
  /** The signed note. */
  readonly note: string
}

export function originOf(fleet: FleetId): string {
  return `${fleet}/audit`
}

/**
 * Returns the keys that {@link openCheckpoint} accepts: the issuing keys of the fleet's root
 * statement, 32 bytes each.
 */
export function checkpointKeys(fleet: FleetId, issuers: readonly Uint8Array[]): NoteKey[] {
  return issuers.map((publicKey) => ({ name: originOf(fleet), publicKey }))
}

export async function signCheckpoint(
  signer: Signer,
  fleet: FleetId,
  head: { size: number; root: Uint8Array; at: number },
  signal?: AbortSignal,
): Promise<Checkpoint> {
  const origin = originOf(fleet)
  const root = Buffer.from(head.root).toString('base64')
  const text = `${origin}\n${head.size}\n${root}\ntime ${rfc3339(head.at)}\n`
  return { ...head, note: await signNote(text, [{ name: origin, signer }], signal) }
}

/**
 * Opens a checkpoint that one of the fleet's issuing keys signed.
 * @throws audit.note, audit.checkpoint
 */
export function openCheckpoint(
  note: string,
  expect: { fleet: FleetId; issuers: readonly Uint8Array[] },
): Checkpoint {
  const { text } = openNote(note, checkpointKeys(expect.fleet, expect.issuers))
  return { ...parseCheckpoint(text, originOf(expect.fleet)), note }
}

/**
 * Parses `origin \n size \n base64(root) \n` and extension lines. The extension `time` is Muster's.
 * Unknown ones are skipped.
 */
function parseCheckpoint(text: string, expectedOrigin: string): Omit<Checkpoint, 'note'> {
  const bad = (reason: string): Error => auditError('audit.checkpoint', { reason })
  const [origin = '', size, root, ...extensions] = text.slice(0, -1).split('\n')
  if (origin !== expectedOrigin)
    throw bad(`its origin is ${JSON.stringify(origin.slice(0, 100))}, expected ${expectedOrigin}`)
  if (
    size === undefined ||
    !/^(0|[1-9][0-9]{0,15})$/.test(size) ||
    !Number.isSafeInteger(Number(size))
  )
    throw bad('its size is not a decimal number')
  const hash = Buffer.from(root ?? '', 'base64')
  if (hash.length !== HASH_BYTES || hash.toString('base64') !== root)
    throw bad(`its root is not ${HASH_BYTES} bytes of base64`)
  if (extensions.some((line) => line === '')) throw bad('an extension line is empty')
  const times = extensions.filter((line) => line.startsWith('time '))
  const at = parseRfc3339(times[0]?.slice('time '.length) ?? '')
  if (times.length !== 1 || Number.isNaN(at)) throw bad('it does not carry one time')
  return { size: Number(size), root: new Uint8Array(hash), at }
}
