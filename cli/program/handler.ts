/**
 * The context of a handler: flags, arguments, the terminal, and functions that load other modules
 * when they are needed.
 */
import type { Clock } from '../../shared/clock.ts'
import type { Config } from '../../shared/config/schema.ts'
import type { MusterError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Random } from '../../shared/random.ts'
import type { Redactor } from '../../shared/redact.ts'
import type { ListResult, ValueResult } from '../terminal/output.ts'
import type { Progress, ProgressOptions } from '../terminal/progress.ts'
import type { Sink } from '../terminal/sink.ts'
import type { Registry } from './command.ts'
import type { GlobalFlags } from './global-flags.ts'

type AnyValues = Readonly<Record<string, unknown>>

export interface CommandContext<F = AnyValues, A = AnyValues> {
  readonly flags: F
  readonly args: A
  readonly globals: GlobalFlags
  readonly stdin: NodeJS.ReadStream
  /** For results only. */
  readonly stdout: Sink
  /** For all other output. Prefer {@link note}. */
  readonly stderr: Sink
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly random: Random
  readonly redactor: Redactor
  /**
   * Aborts at the first Ctrl-C or SIGTERM, and when the reader closes stdout. The reason is the
   * error of the command.
   */
  readonly signal: AbortSignal
  /** All commands, for completion. */
  readonly registry: Registry
  /** The absolute path of the home, which may not exist. */
  home(): string
  /** Loads the configuration of the home once. @throws config.* */
  config(): Promise<Config>
  /** The log of a daemon. It writes JSON lines to stderr, and readable text to a terminal. */
  log(): Promise<Logger>
  /** Prints a result in the format of -o. */
  printList<Row>(result: ListResult<Row>): Promise<void>
  printOne(result: ValueResult): Promise<void>
  /** Prints a line on stderr. Prints nothing with -q. */
  note(text: string): Promise<void>
  /** Prints a line like {@link note}, but only with -v. */
  detail(text: string): Promise<void>
  /** Prints an error that does not end the command. Returns its exit code. */
  report(error: MusterError): Promise<number>
  /**
   * Shows progress on stderr. A terminal gets a redrawn display, other outputs get lines. Shows
   * nothing with -q.
   */
  progress(options: ProgressOptions): Promise<Progress>
  /**
   * Asks for confirmation. `action` completes "this …": `deletes 4211 blobs (38 GiB)`. `yes` is the
   * command's --yes.
   * @throws cli.not-confirmed without a terminal, cli.declined
   */
  confirm(action: string, yes: boolean): Promise<void>
}
