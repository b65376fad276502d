/** The flags and arguments that a command declares, and the types of their values. */

interface FlagBase {
  /** One line, lower case, no period. */
  readonly summary: string
  /** One letter. */
  readonly short?: string
}

interface ValueFlag extends FlagBase {
  /** The placeholder of the value in the help: `FILE`, `ID`, `K=V`. */
  readonly value: string
  /** True if the command fails without this flag. */
  readonly required?: true
}

/**
 * The check of a text. Default: a name of visible characters on one line (shared/plain-name.ts).
 * `path`: any text that is not empty. `text`: only the handler checks it.
 */
export type Accepts = 'path' | 'text'

/**
 * The type of a flag and of its value: `string`, `list` (repeatable, string[]), `pairs` (repeatable
 * K=V, Record), `variables` (like pairs, but without `=` the value is undefined), `integer`, `size`
 * (`512M`, in bytes), `duration` (`10s`, in ms), `choice` (one of some words), `boolean`.
 */
export type FlagSpec =
  | (FlagBase & { readonly type: 'boolean' })
  | (ValueFlag & { readonly type: 'string'; readonly default?: string; readonly accepts?: Accepts })
  | (ValueFlag & {
      readonly type: 'integer' | 'size' | 'duration'
      readonly default?: number
      readonly min?: number
      readonly max?: number
    })
  | (FlagBase & {
      readonly type: 'choice'
      readonly value: string
      readonly choices: readonly string[]
      readonly default?: string
      readonly required?: true
    })
  | (FlagBase & {
      readonly type: 'list' | 'pairs' | 'variables'
      readonly value: string
      readonly required?: true
      readonly accepts?: Accepts
    })

/** The key is the name in camelCase: `repoId` is `--repo-id`. */
export type FlagSpecs = Readonly<Record<string, FlagSpec>>

type Given<S, T> = S extends { required: true } | { default: string | number } ? T : T | undefined
type FlagValue<S extends FlagSpec> = S extends { type: 'boolean' }
  ? boolean
  : S extends { type: 'list' }
    ? readonly string[]
    : S extends { type: 'pairs' }
      ? Readonly<Record<string, string>>
      : S extends { type: 'variables' }
        ? Readonly<Record<string, string | undefined>>
        : S extends { type: 'integer' | 'size' | 'duration' }
          ? Given<S, number>
          : S extends { type: 'choice'; choices: infer C extends readonly string[] }
            ? Given<S, C[number]>
            : Given<S, string>

/** The values of these flags that the handler gets. */
export type FlagValues<F extends FlagSpecs> = { readonly [K in keyof F]: FlagValue<F[K]> }

export interface ArgumentSpec {
  readonly summary: string
  readonly optional?: true
  /** Takes all remaining words. Only the last argument may be variadic. */
  readonly variadic?: true
  readonly choices?: readonly string[]
  readonly accepts?: Accepts
}

/** In the order of the command line. The help shows the keys in upper case. */
export type ArgumentSpecs = Readonly<Record<string, ArgumentSpec>>
export type ArgumentValues<A extends ArgumentSpecs> = {
  readonly [K in keyof A]: A[K] extends { variadic: true }
    ? readonly string[]
    : A[K] extends { optional: true }
      ? string | undefined
      : A[K] extends { choices: infer C extends readonly string[] }
        ? C[number]
        : string
}

/** Returns the name on the command line: `repo-id` for `repoId`. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
