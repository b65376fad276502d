/**
 * Runs the steps of the demo. For each step it shows the command that a person would type, and its
 * output.
 */
import type { CommandContext } from '../../program/handler.ts'
import { type DemoFleet, processEnvironment } from './fleet.ts'
import { createNarrator, innerColumns } from './narrator.ts'
import { demoError } from './scratch.ts'
import { runStep, STEP_MS, type StepEnd, stepError } from './step.ts'

/** Most steps act on the home of this node. */
const COORDINATOR = 'coordinator'
/** Time between two attempts at a step that can't succeed yet. */
const RETRY_MS = 200

export interface StepOptions {
  /** The node on whose home the step acts. Default: the coordinator. */
  readonly home?: string
  /** Shown instead of the words if these contain a secret. */
  readonly shown?: readonly string[]
  /** Hides the output of the command. */
  readonly quiet?: boolean
}

export interface Stage {
  /** Starts a numbered chapter. */
  chapter(title: string): Promise<void>
  say(text: string): Promise<void>
  /**
   * Runs a command, shows it and its output, and returns its stdout.
   * @throws demo.step unless it ends with 0
   */
  muster(words: readonly string[], options?: StepOptions): Promise<string>
  /** Repeats a command until it succeeds, and returns its stdout. @throws demo.step */
  until(words: readonly string[]): Promise<string>
  /** Fetches a URL and returns its body. @throws demo.step */
  get(url: string): Promise<string>
}

type Context = CommandContext<unknown, unknown>

export function createStage(context: Context, fleet: DemoFleet): Stage {
  const narrator = createNarrator(context)
  let chapters = 0
  const step = (words: readonly string[], home: string): Promise<StepEnd> =>
    runStep(context.signal, words, stepEnvironment(context, fleet.environment(home)))
  return {
    chapter: (title) => narrator.heading(`${(chapters += 1)}. ${title}`),
    say: (text) => narrator.sentence(text),
    async muster(words, { home = COORDINATOR, shown = words, quiet = false } = {}) {
      await narrator.command(shown, home === COORDINATOR ? undefined : home)
      const end = await step(words, home)
      if (end.code !== 0) throw stepError(shown, end)
      if (!quiet) await narrator.output(end.stdout || end.stderr)
      return end.stdout
    },
    async until(words) {
      await narrator.command(words)
      return untilDone(context, words, () => step(words, COORDINATOR))
    },
    get: (url) => getText(context, url),
  }
}

/** Returns the environment in which tables fit the terminal with the indent. */
function stepEnvironment(context: Context, own: readonly string[]): NodeJS.ProcessEnv {
  const env = processEnvironment(context, own)
  const columns = innerColumns(context.stderr)
  return columns === undefined ? env : { ...env, MUSTER_COLUMNS: String(columns) }
}

async function untilDone(
  { clock, signal }: Context,
  words: readonly string[],
  step: () => Promise<StepEnd>,
): Promise<string> {
  const deadline = clock.monotonic() + STEP_MS
  for (;;) {
    const end = await step()
    if (end.code === 0) return end.stdout
    if (clock.monotonic() > deadline) throw stepError(words, end)
    await clock.sleep(RETRY_MS, signal)
  }
}

async function getText({ clock, signal }: Context, url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.any([signal, clock.timeout(STEP_MS)]) })
  const text = await response.text()
  if (!response.ok)
    throw demoError('demo.step', { command: `GET ${url}`, code: response.status, output: text })
  return text
}
