/**
 * Signs and opens signed notes (C2SP signed-note): a text, a blank line, and one line for each
 * signature. Signatures by unknown keys are ignored. A bad signature by a known key makes the note
 * invalid.
 */
import { hash } from 'node:crypto'
import { verifyEd25519 } from '../identity/ed25519.ts'
import type { Signer } from '../identity/signer.ts'
import { auditError } from './errors.ts'

/** A checkpoint has about 300 bytes, and 2 KiB with 16 cosignatures. */
export const MAX_NOTE_BYTES = 16 * 1024
/** A log has few cosignatures (C2SP tlog-witness). */
const MAX_SIGNATURES = 16
/** Signature type of Ed25519 over the text (C2SP signed-note, "Signature types"). */
const ED25519 = 1
const KEY_ID_BYTES = 4

/** A key that may sign notes, with the name in its signature lines. */
export interface NoteKey {
  readonly name: string
  /** 32 bytes. */
  readonly publicKey: Uint8Array
}

export interface OpenedNote {
  /** The text, which ends with a line end. */
  readonly text: string
  /** The known keys with valid signatures, in order. */
  readonly signers: readonly NoteKey[]
  /** The number of signature lines, including those of unknown keys. */
  readonly lines: number
}

/** Returns the first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ key). */
export function noteKeyId({ name, publicKey }: NoteKey): Uint8Array {
  return hash(
    'sha256',
    Buffer.concat([Buffer.from(`${name}\n`), Uint8Array.of(ED25519), publicKey]),
    'buffer',
  ).subarray(0, KEY_ID_BYTES)
}

/** Formats a verification key for other tools: `name+keyid+base64`. */
export function noteVerifierKey(key: NoteKey): string {
  const encoded = Buffer.concat([Uint8Array.of(ED25519), key.publicKey]).toString('base64')
  return `${key.name}+${Buffer.from(noteKeyId(key)).toString('hex')}+${encoded}`
}

/**
 * Signs `text`, which must end with a line end and contain no other control character.
 * @param names the key name of each signer
 */
export async function signNote(
  text: string,
  signers: readonly { name: string; signer: Signer }[],
  signal?: AbortSignal,
): Promise<string> {
  requireText(text)
  const lines: string[] = []
  for (const { name, signer } of signers) {
    if (!isKeyName(name))
      throw auditError('audit.note', { reason: `${JSON.stringify(name)} is not a key name` })
    const signature = await signer.sign(Buffer.from(text), signal)
    const id = noteKeyId({ name, publicKey: signer.publicKey })
    lines.push(`— ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`)
  }
  return `${text}\n${lines.join('')}`
}

/**
 * Opens a note that at least one of `keys` signed.
 * @throws audit.note
 */
export function openNote(note: string, keys: readonly NoteKey[]): OpenedNote {
  const bad = (reason: string): Error => auditError('audit.note', { reason })
  if (Buffer.byteLength(note) > MAX_NOTE_BYTES)
    throw bad(`it is larger than ${MAX_NOTE_BYTES} bytes`)
  // Signature lines contain no blank line, so the last one ends the text.
  const middle = note.lastIndexOf('\n\n')
  if (middle < 0) throw bad('no blank line separates the text from the signatures')
  const text = note.slice(0, middle + 1)
  requireText(text)
  const block = note.slice(middle + 2)
  if (!block.endsWith('\n'))
    throw bad(block === '' ? 'it has no signature' : 'the last line has no end')
  const lines = block.slice(0, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw bad(`it has more than ${MAX_SIGNATURES} signatures`)
  const signers: NoteKey[] = []
  for (const line of lines) {
    const { name, id, signature } = readSignature(line)
    const key = keys.find(
      (known) => known.name === name && Buffer.compare(noteKeyId(known), id) === 0,
    )
    if (key === undefined || signers.includes(key)) continue
    if (!verifyEd25519(key.publicKey, Buffer.from(text), signature))
      throw bad(`the signature of ${name} does not belong to this text`)
    signers.push(key)
  }
  if (signers.length === 0) throw bad('no known key signed it')
  return { text, signers, lines: lines.length }
}

function readSignature(line: string): { name: string; id: Uint8Array; signature: Uint8Array } {
  const bad = (reason: string): Error =>
    auditError('audit.note', { reason: `a signature line ${reason}` })
  const match = /^— ([^ ]+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line)
  if (match === null) throw bad('is malformed')
  const [, name = '', encoded = ''] = match
  if (!isKeyName(name)) throw bad('has an invalid key name')
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.toString('base64') !== encoded) throw bad('is not canonical base64')
  if (bytes.length <= KEY_ID_BYTES) throw bad('holds no signature')
  return { name, id: bytes.subarray(0, KEY_ID_BYTES), signature: bytes.subarray(KEY_ID_BYTES) }
}

function isKeyName(name: string): boolean {
  return name !== '' && name.isWellFormed() && !/[\s+\p{Cc}]/u.test(name)
}

function requireText(text: string): void {
  const bad = (reason: string): Error => auditError('audit.note', { reason })
  if (!text.endsWith('\n')) throw bad('its text does not end with a line end')
  if (!text.isWellFormed()) throw bad('its text is not Unicode')
  // C0 controls except the line end, and DEL are rejected, because a terminal would interpret them.
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0
    if ((code < 0x20 && code !== 0x0a) || code === 0x7f || code === 0xfffd)
      throw bad('its text holds a control character or was not UTF-8')
  }
}
