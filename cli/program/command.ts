/**
 * What a command is: a cheap declaration (words, flags, arguments) and a handler that is imported
 * only when the command runs. Declarations import nothing but this file, so `muster --help` and
 * completion stay fast.
 */
import type { CommandContext } from '../context.ts'

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

/**
 * What a handler returns: an exit code (shared/exit-codes.ts), or nothing. Nothing means done, or,
 * if the user interrupted and the command is not a daemon, interrupted.
 */
export type HandlerResult = number | undefined | void
export interface HandlerModule<F extends FlagSpecs, A extends ArgumentSpecs> {
  handle(context: CommandContext<FlagValues<F>, ArgumentValues<A>>): Promise<HandlerResult>
}

export interface CommandSpec<F extends FlagSpecs, A extends ArgumentSpecs> {
  /** One line, lower case, no period. */
  readonly summary: string
  /** More for `--help` and docs/CLI.md: what it changes, what it prints. */
  readonly description?: string
  readonly flags?: F
  readonly arguments?: A
  /** At least one; each a whole command line with what it does. */
  readonly examples: readonly { readonly command: string; readonly does: string }[]
  /** True if the result obeys -o. */
  readonly output?: true
  /**
   * Everything from the first argument on goes to the handler unchanged, one leading `--` removed.
   */
  readonly passThrough?: true
  /** Runs until it is interrupted, and an interrupt is its normal end: exit code 0. */
  readonly daemon?: true
  /** Not in help, completion or docs. */
  readonly hidden?: true
  readonly handler: () => Promise<HandlerModule<F, A>>
}

/** A declaration whose types are forgotten: what the program, the docs and completion work with. */
export interface Declaration {
  readonly summary: string
  readonly description?: string
  readonly flags: FlagSpecs
  readonly arguments: ArgumentSpecs
  readonly examples: readonly { readonly command: string; readonly does: string }[]
  readonly output: boolean
  readonly passThrough: boolean
  readonly daemon: boolean
  readonly hidden: boolean
  readonly handler: () => Promise<{ handle(context: CommandContext): Promise<HandlerResult> }>
}

/**
 * Declares a command. The handler's file takes its types from the declaration's:
 * @example const flags = { repoId: { type: 'string', value: 'ID', summary: 'the repository' } } as
 * const satisfies FlagSpecs export type Flags = FlagValues<typeof flags> export const command =
 * defineCommand({ summary: '…', flags, examples: […], handler: () => import('./sync.handler.ts') })
 * // sync.handler.ts export async function handle(context: CommandContext<Flags>): Promise<void> {
 * … }
 */
export function defineCommand<
  const F extends FlagSpecs = Record<never, never>,
  const A extends ArgumentSpecs = Record<never, never>,
>(spec: CommandSpec<F, A>): Declaration {
  return {
    summary: spec.summary,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    flags: spec.flags ?? {},
    arguments: spec.arguments ?? {},
    examples: spec.examples,
    output: spec.output ?? false,
    passThrough: spec.passThrough ?? false,
    daemon: spec.daemon ?? false,
    hidden: spec.hidden ?? false,
    handler: spec.handler,
  }
}

/** `repoId` as it is typed: `repo-id`. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

export type LoadDeclaration = () => Promise<{ readonly command: Declaration }>

/**
 * A noun with verbs, or a command of one word. The summary stands here so that the first help page
 * loads no declaration.
 */
export type RegistryEntry =
  | { readonly summary: string; readonly verbs: Readonly<Record<string, LoadDeclaration>> }
  | { readonly summary: string; readonly command: LoadDeclaration }
export type Registry = Readonly<Record<string, RegistryEntry>>
