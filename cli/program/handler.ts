/**
 * What a handler gets: its flags and arguments, the terminal, and functions that load everything
 * else when it is needed.
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

// biome-ignore format: one line each
export interface CommandContext<F = Readonly<Record<string, unknown>>, A = Readonly<Record<string, unknown>>> {
  readonly flags: F
  readonly args: A
  readonly globals: GlobalFlags
  readonly stdin: NodeJS.ReadStream
  /** For results only. */
  readonly stdout: Sink
  /** For everything else; prefer {@link note}. */
  readonly stderr: Sink
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly random: Random
  readonly redactor: Redactor
  /**
   * Aborts at the first Ctrl-C or SIGTERM, and when the reader of stdout goes away. Its reason is
   * the error to end with.
   */
  readonly signal: AbortSignal
  /** All commands, for the one that completes command lines. */
  readonly registry: Registry
  /** The home, absolute; not checked to exist. */
  home(): string
  /** The configuration of the home, loaded once. @throws config.* */
  config(): Promise<Config>
  /** The log of a daemon: JSON lines on stderr, readable ones on a terminal. */
  log(): Promise<Logger>
  /** Prints a result in the form that -o asks for. */
  printList<Row>(result: ListResult<Row>): Promise<void>
  printOne(result: ValueResult): Promise<void>
  /** A line for the person, on stderr; silent with -q. */
  note(text: string): Promise<void>
  /** Like {@link note}, with -v only. */
  detail(text: string): Promise<void>
  /**
   * A failure that does not end the command, said in the same form as one that does. Returns its
   * exit code.
   */
  report(error: MusterError): Promise<number>
  /** Progress on stderr: bars on a terminal, a line now and then elsewhere, nothing with -q. */
  progress(options: ProgressOptions): Promise<Progress>
  /**
   * Asks before something is destroyed. `action` completes "this …": `deletes 4211 blobs (38 GiB)`.
   * `yes` is the command's --yes.
   * @throws cli.not-confirmed where nobody can be asked, cli.declined
   */
  confirm(action: string, yes: boolean): Promise<void>
}
