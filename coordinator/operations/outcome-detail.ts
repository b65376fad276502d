/**
 * Makes the detail of an outcome statement. The detail always fits into a log entry, even if a
 * handler reports more.
 */
import { canonicalJson, type Json } from '../../shared/canonical-json.ts'
import type { ErrorData, ErrorValue } from '../../shared/errors.ts'
import type { JsonObject } from '../../shared/trust/fields.ts'
import { KIB } from '../../shared/units.ts'
import type { TargetResult } from '../outcomes/result.ts'

/**
 * The maximum size of a detail. A statement has at most 48 KiB, so 8 KiB are left for its other
 * fields.
 */
const MAX_DETAIL_BYTES = 40 * KIB

/**
 * If a detail is too large, its lists, objects and texts are cut to this number of items or
 * characters, then to half of it, and so on until the detail fits.
 */
const FIRST_CUT = 512

/** Returns the detail and the error of a result. Lists and texts are cut until they fit. */
export function outcomeDetail({ detail, error }: TargetResult): JsonObject {
  const values = statementValues(detail)
  const whole: JsonObject = error
    ? { ...values, error: { code: error.code, data: statementValues(error.data) } }
    : values
  let fitting = whole
  for (let most = FIRST_CUT; !fits(fitting); most = Math.floor(most / 2))
    fitting = cutObject(whole, most)
  return fitting
}

/** Measures the detail as the entry stores it: quotes and line ends are escaped twice. */
const fits = (detail: JsonObject): boolean =>
  Buffer.byteLength(JSON.stringify(canonicalJson(detail))) <= MAX_DETAIL_BYTES

/** Converts values for a statement, which can contain only whole numbers and well-formed text. */
function statementValues(values: ErrorData): JsonObject {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, statementValue(value)]),
  )
}

function statementValue(value: ErrorValue): Json {
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value + 0 : String(value)
  if (typeof value === 'boolean' || value === null) return value
  return value.map((item) => item.toWellFormed())
}

const cutObject = (value: JsonObject, most: number): JsonObject =>
  Object.fromEntries(
    Object.entries(value)
      .slice(0, most)
      .map(([key, item]) => [key, cutValue(item, most)]),
  )

function cutValue(value: Json, most: number): Json {
  if (typeof value === 'string')
    return value.length > most ? value.slice(0, most).toWellFormed() : value
  if (value === null || typeof value !== 'object') return value
  return isList(value)
    ? value.slice(0, most).map((item) => cutValue(item, most))
    : cutObject(value, most)
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value)
