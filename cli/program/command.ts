/**
 * What a command is: a cheap declaration (words, flags, arguments) and a handler that is imported
 * only when the command runs. Declarations import this file and types alone, so `muster --help` and
 * completion stay fast.
 */
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from './flags.ts'
import type { CommandContext } from './handler.ts'

/**
 * What a handler returns: an exit code (shared/exit-codes.ts), or nothing. Nothing means done, or,
 * if the user interrupted and the command is not a daemon, interrupted.
 */
export type HandlerResult = number | undefined | void
export interface HandlerModule<F extends FlagSpecs, A extends ArgumentSpecs> {
  handle(context: CommandContext<FlagValues<F>, ArgumentValues<A>>): Promise<HandlerResult>
}

export interface Need {
  readonly namespace: string
  readonly level: 'observe' | 'control'
  /** For the hosts that the command line names; otherwise for the namespace as a whole. */
  readonly hosts?: true
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
  /** The rights that it uses, so that a refusal can name all of them at once. */
  readonly needs?: readonly Need[]
  /** Runs until it is interrupted, and an interrupt is its normal end: exit code 0. */
  readonly daemon?: true
  /** Not in help, completion or docs. */
  readonly hidden?: true
  readonly handler: () => Promise<HandlerModule<F, A>>
}

/** A declaration whose types are forgotten: what the program, the docs and completion work with. */
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
 * A noun with verbs, or a command of one word. The summary stands here so that the first help page
 * loads no declaration.
 */
export type RegistryEntry =
  | { readonly summary: string; readonly verbs: Readonly<Record<string, LoadDeclaration>> }
  | { readonly summary: string; readonly command: LoadDeclaration }
export type Registry = Readonly<Record<string, RegistryEntry>>
