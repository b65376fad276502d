/**
 * Declares errors as data. Each area declares its codes in one `errors.ts` with {@link
 * defineErrors}: the exit code, whether a retry can help, and the function that makes text from the
 * data. Processes send an error as `{code, data}`, and the receiver's table makes the text. Text
 * from another process is never passed on.
 */
import type { ExitName } from './exit-codes.ts'

/** The data of an error: plain values only, so that it can be sent as JSON. */
export type ErrorValue = string | number | boolean | null | readonly string[]
export type ErrorData = Readonly<Record<string, ErrorValue>>

export interface ErrorKind<D extends ErrorData = ErrorData> {
  readonly exit: ExitName
  /** True if the same call may succeed later without any change. Default false. */
  readonly retryable?: boolean
  /**
   * States what failed, for which thing, the expected value and the actual one. In lower case,
   * without a final period.
   */
  readonly message: (data: D) => string
  /** States the next step of the user. */
  readonly hint?: (data: D) => string
}

/** An error that Muster raises on purpose. Any other thrown error is a bug. */
export class MusterError extends Error {
  readonly code: string
  readonly data: ErrorData
  readonly exit: ExitName
  readonly retryable: boolean
  readonly hint: string | undefined

  constructor(code: string, kind: ErrorKind, data: ErrorData, options: { cause?: unknown } = {}) {
    super(kind.message(data), options)
    this.name = 'MusterError'
    this.code = code
    this.data = data
    this.exit = kind.exit
    this.retryable = kind.retryable ?? false
    this.hint = kind.hint?.(data)
  }
}

type Kinds = Readonly<Record<string, ErrorKind<never>>>
type DataOf<K> = K extends { message: (data: infer D) => string } ? D : never
type HasData<D> = [keyof D] extends [never] ? false : true

/**
 * Creates an error of an area: `throw fail('mirror.digest', {…}, {cause})`. A code without data
 * takes no data.
 */
export interface Fail<T extends Kinds> {
  <C extends keyof T & string>(
    code: C,
    ...rest: HasData<DataOf<T[C]>> extends true
      ? [data: DataOf<T[C]>, options?: { cause?: unknown }]
      : [data?: Record<never, never>, options?: { cause?: unknown }]
  ): MusterError
  /** True if `error` is one of this area's errors, with one of these codes if any are given. */
  is<C extends keyof T & string = keyof T & string>(
    error: unknown,
    ...codes: readonly C[]
  ): error is MusterError & { readonly code: C }
  readonly codes: readonly (keyof T & string)[]
}

const registry = new Map<string, ErrorKind>()

/**
 * Declares an area's errors. A code has the form `area.what`. A second declaration of a code
 * throws, so codes are unique in the program.
 * @example export const mirrorError = defineErrors({ 'mirror.digest': { exit: 'verification',
 * message: (d: { file: string }) => `…` } })
 */
export function defineErrors<const T extends Kinds>(kinds: T): Fail<T> {
  for (const [code, kind] of Object.entries(kinds)) {
    if (registry.has(code)) throw new Error(`error code ${code} is declared twice`)
    registry.set(code, kind as ErrorKind)
  }
  const fail = (
    code: string,
    data: ErrorData = {},
    options: { cause?: unknown } = {},
  ): MusterError => new MusterError(code, registry.get(code) as ErrorKind, data, options)
  const is = (error: unknown, ...codes: readonly string[]): boolean =>
    error instanceof MusterError &&
    (codes.length === 0 ? Object.hasOwn(kinds, error.code) : codes.includes(error.code))
  // Forced: the types tie the code to its data, and the code is only known at the call.
  return Object.assign(fail, { is, codes: Object.keys(kinds) }) as unknown as Fail<T>
}

/**
 * Rebuilds an error that another process sent as `{code, data}`. Undefined if no loaded table
 * declares the code.
 */
export function restoreError(code: string, data: ErrorData): MusterError | undefined {
  const kind = registry.get(code)
  return kind === undefined ? undefined : new MusterError(code, kind, data)
}

/** Returns every declared code with its kind, for the policy tests. */
export function declaredErrors(): ReadonlyMap<string, ErrorKind> {
  return registry
}
