/** A text column that contains JSON of one type. Only the functions here write and read it. */
import { canonicalJson, type Json } from '../../../shared/canonical-json.ts'

declare const content: unique symbol

export type JsonText<T> = string & { readonly [content]: T }

export const toJsonText = <T>(value: T): JsonText<T> => JSON.stringify(value) as JsonText<T>

/** Converts a value to text. Equal values have equal texts. */
export const toCanonicalText = <T extends Json>(value: T): JsonText<T> =>
  canonicalJson(value) as JsonText<T>

export const fromJsonText = <T>(text: JsonText<T>): T => JSON.parse(text)
