/**
 * Selects the coordinator of a command. The first of these wins: --coordinator or --context,
 * MUSTER_COORDINATOR, MUSTER_CONTEXT, a coordinator's home in --home or MUSTER_HOME, the current
 * context, the default home.
 */
import { access } from 'node:fs/promises'
import { coordinatorPaths } from '../../shared/home.ts'
import type { CommandContext } from '../program/handler.ts'
import { contextFile, requireContext } from './contexts.ts'
import { cliError } from '../terminal/errors.ts'

export interface Chosen {
  /** Undefined for the unix socket of the home. */
  readonly ticket: string | undefined
  readonly source: 'flag' | 'environment' | 'home' | 'current context'
  /** The path of the key that the context contains. */
  readonly identity?: string | undefined
}

/** @throws cli.usage, context.* */
export async function chooseCoordinator(
  context: CommandContext<unknown, unknown>,
): Promise<Chosen> {
  const { globals, env } = context
  if (globals.coordinator !== undefined && globals.context !== undefined)
    throw cliError('cli.usage', {
      reason: '--coordinator and --context exclude each other',
      hint: 'pass only one of them',
    })
  if (globals.coordinator !== undefined) return { ticket: globals.coordinator, source: 'flag' }
  if (globals.context !== undefined) return named(context, globals.context, 'flag')
  if (env['MUSTER_COORDINATOR']) return { ticket: env['MUSTER_COORDINATOR'], source: 'environment' }
  if (env['MUSTER_CONTEXT']) return named(context, env['MUSTER_CONTEXT'], 'environment')
  // A coordinator's home in --home or MUSTER_HOME overrides the current context.
  if ((globals.home !== undefined || env['MUSTER_HOME']) && (await isCoordinator(context.home())))
    return { ticket: undefined, source: 'home' }
  const { current } = await contextFile(context, env).read()
  return current === null
    ? { ticket: undefined, source: 'home' }
    : named(context, current, 'current context')
}

async function named(
  context: CommandContext<unknown, unknown>,
  name: string,
  source: Chosen['source'],
): Promise<Chosen> {
  return { ...requireContext(await contextFile(context, context.env).read(), name), source }
}

const isCoordinator = (home: string): Promise<boolean> =>
  access(coordinatorPaths(home).identity).then(
    () => true,
    () => false,
  )
