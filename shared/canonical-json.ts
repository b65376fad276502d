/**
 * Encodes and parses canonical JSON, the form of every signed statement and log entry: object keys
 * sorted by code unit, no blanks, no duplicate keys, integers only, well-formed strings. These
 * bytes are signed. A reader rejects bytes that differ from the canonical form of their value, so
 * one value has one encoding.
 */
import { defineErrors } from './errors.ts'

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

export const jsonError = defineErrors({
  'json.not-canonical': {
    exit: 'verification',
    message: (d: { what: string; reason: string }) =>
      `${d.what} is not canonical JSON: ${d.reason}`,
  },
})

/** No valid statement is nested deeper. Deeper input is rejected before it exhausts the stack. */
const MAX_DEPTH = 16

export function canonicalJson(value: Json): string {
  return encode(value, 0)
}

function encode(value: Json, depth: number): string {
  if (depth > MAX_DEPTH)
    throw jsonError('json.not-canonical', {
      what: 'value',
      reason: `nested deeper than ${MAX_DEPTH}`,
    })
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') {
    if (!value.isWellFormed())
      throw jsonError('json.not-canonical', { what: 'string', reason: 'lone surrogate' })
    return JSON.stringify(value)
  }
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || Object.is(value, -0))
      throw jsonError('json.not-canonical', {
        what: 'number',
        reason: `${value} is not a safe integer`,
      })
    return String(value)
  }
  if (!isJsonObject(value)) return `[${value.map((item) => encode(item, depth + 1)).join(',')}]`
  const members: string[] = []
  for (const key of Object.keys(value).sort()) {
    const item = value[key]
    if (item !== undefined) members.push(`${encode(key, depth)}:${encode(item, depth + 1)}`)
  }
  return `{${members.join(',')}}`
}

export function isJsonObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Parses canonical JSON. Rejects bytes that differ from the canonical form, for example because of
 * duplicate keys.
 */
export function parseCanonicalJson(bytes: Uint8Array, what: string): Json {
  let text: string
  let value: Json
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(text) as Json
  } catch (cause) {
    throw jsonError('json.not-canonical', { what, reason: 'it is not UTF-8 JSON' }, { cause })
  }
  if (encode(value, 0) !== text)
    throw jsonError('json.not-canonical', {
      what,
      reason: 'keys, blanks or numbers are not in canonical form',
    })
  return value
}
