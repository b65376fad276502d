/**
 * A command: a declaration (words, flags, arguments) and a handler that is imported only when the
 * command runs. Declarations import this file and types only, so that help and completion are fast.
 */
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from './flags.ts'
import type { CommandContext } from './handler.ts'

/**
 * The exit code of a handler (shared/exit-codes.ts). Undefined means `done`, or `interrupted` after
 * an interrupt of a command that is not a daemon.
 */
export type HandlerResult = number | undefined | void
export interface HandlerModule<F extends FlagSpecs, A extends ArgumentSpecs> {
  handle(context: CommandContext<FlagValues<F>, ArgumentValues<A>>): Promise<HandlerResult>
}

export interface Need {
  readonly namespace: string
  readonly level: 'observe' | 'control'
  /** True if the right is for the hosts on the command line, not for the whole namespace. */
  readonly hosts?: true
}

export interface CommandSpec<F extends FlagSpecs, A extends ArgumentSpecs> {
  /** One line in lower case, without a period. */
  readonly summary: string
  /** The effects and the output, for `--help` and docs/CLI.md. */
  readonly description?: string
  readonly flags?: F
  readonly arguments?: A
  /** At least one example: a whole command line and its effect. */
  readonly examples: readonly { readonly command: string; readonly does: string }[]
  /** True if -o selects the format of the result. */
  readonly output?: true
  /**
   * True if the handler gets all words from the first argument on unchanged, without a leading
   * `--`.
   */
  readonly passThrough?: true
  /** The rights that the command needs. The error for a refusal lists all of them. */
  readonly needs?: readonly Need[]
  /** True if the command runs until an interrupt, and then exits with 0. */
  readonly daemon?: true
  /** True if the command is not in help, completion or docs. */
  readonly hidden?: true
  readonly handler: () => Promise<HandlerModule<F, A>>
}

/** A declaration without its exact types, for the program, the docs and completion. */
export interface Declaration {
  readonly summary: string
  readonly description: string | undefined
  readonly flags: FlagSpecs
  readonly arguments: ArgumentSpecs
  readonly examples: readonly { readonly command: string; readonly does: string }[]
  readonly output: boolean
  readonly passThrough: boolean
  readonly needs: readonly Need[]
  readonly daemon: boolean
  readonly hidden: boolean
  readonly handler: () => Promise<{ handle(context: CommandContext): Promise<HandlerResult> }>
}

/**
 * Declares a command. The handler imports its types from the declaration:
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
    description: spec.description,
    flags: spec.flags ?? {},
    arguments: spec.arguments ?? {},
    examples: spec.examples,
    output: spec.output ?? false,
    passThrough: spec.passThrough ?? false,
    needs: spec.needs ?? [],
    daemon: spec.daemon ?? false,
    hidden: spec.hidden ?? false,
    handler: spec.handler,
  }
}

export type LoadDeclaration = () => Promise<{ readonly command: Declaration }>

/**
 * A noun with verbs, or a command of one word. It contains the summary, so that the first help page
 * loads no declaration.
 */
export type RegistryEntry =
  | { readonly summary: string; readonly verbs: Readonly<Record<string, LoadDeclaration>> }
  | { readonly summary: string; readonly command: LoadDeclaration }
export type Registry = Readonly<Record<string, RegistryEntry>>
