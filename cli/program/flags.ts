/** What flags and arguments a command declares, and the values that its handler gets for them. */

interface FlagBase {
  /** One line, lower case, no period. */
  readonly summary: string
  /** One letter. */
  readonly short?: string
}

interface ValueFlag extends FlagBase {
  /** What stands for the value in the help: `FILE`, `ID`, `K=V`. */
  readonly value: string
  /** The command is refused without it. */
  readonly required?: true
}

/**
 * What a text may be. Default: a name, visible and on one line (shared/plain-name.ts). A `path` is
 * any text but the empty one, and `text` is checked by its handler alone.
 */
export type Accepts = 'path' | 'text'

/**
 * What a flag takes and what the handler gets: `string`, `list` (repeatable, string[]), `pairs`
 * (repeatable K=V, Record), `variables` (the same, and K alone, which is undefined in the Record),
 * `integer`, `size` (`512M`, in bytes), `duration` (`10s`, in ms), `choice` (one of some words),
 * `boolean`.
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

/** Keyed by the name in camelCase: `repoId` is `--repo-id`. */
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

/** The values that the handler gets for these flags. */
export type FlagValues<F extends FlagSpecs> = { readonly [K in keyof F]: FlagValue<F[K]> }

export interface ArgumentSpec {
  readonly summary: string
  readonly optional?: true
  /** Takes all that is left; only the last argument may. */
  readonly variadic?: true
  readonly choices?: readonly string[]
  readonly accepts?: Accepts
}

/**
 * In the order of the command line. Keys name them for the handler and, in capitals, for the help.
 */
export type ArgumentSpecs = Readonly<Record<string, ArgumentSpec>>
export type ArgumentValues<A extends ArgumentSpecs> = {
  readonly [K in keyof A]: A[K] extends { variadic: true }
    ? readonly string[]
    : A[K] extends { optional: true }
      ? string | undefined
      : string
}

/** `repoId` as it is typed: `repo-id`. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
