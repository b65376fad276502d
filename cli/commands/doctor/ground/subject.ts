/**
 * The subject of the checks of `muster doctor`: this machine, the home, and its coordinator. Each
 * request is sent once, and only if a check needs it.
 */
import { defined } from '../../../../shared/defined.ts'
import { readAgentIdentity } from '../../../../agent/home/identity.ts'
import type { AgentRow, StatusResponse } from '../../../../protocols/control/messages.ts'
import { MusterError } from '../../../../shared/errors.ts'
import { coordinatorPaths } from '../../../../shared/home.ts'
import { chooseCoordinator } from '../../../session/choose-coordinator.ts'
import type { CommandContext } from '../../../program/handler.ts'
import { type HomeKind, kindOfHome } from '../../../session/home-kind.ts'
import { openOperatorKey } from '../../../session/operator-key.ts'
import {
  type CoordinatorGreeting,
  greetCoordinator,
  openSession,
  type Reach,
  socketReach,
} from '../../../session/session.ts'
import type { Finding } from './check.ts'
import '../../../program/error-tables.ts'

/**
 * The time limit of one request. A coordinator process in the stopped state accepts connections,
 * but sends no response.
 */
const ASK_MS = 30_000

export interface FleetState {
  readonly status: StatusResponse
  readonly agents: readonly AgentRow[]
}

/** The result of a request, or the finding of a check that needs it. */
export type Asked<T> = { readonly value: T } | { readonly skipped: Finding }

export interface Subject extends AsyncDisposable {
  readonly context: CommandContext
  readonly home: string
  /** Undefined if the home is missing or is not a node's home. */
  readonly kind: HomeKind | undefined
  /** True if a flag, the environment, a context or the home names a coordinator. */
  readonly named: boolean
  /** Returns the coordinator's public greeting. Rejects if the coordinator can't be reached. */
  greeting(): Promise<CoordinatorGreeting>
  /** Returns the state of the fleet. Needs an operator's key. */
  fleet(): Promise<Asked<FleetState>>
  /** Returns a signal that ends one request at its time limit. */
  soon(): AbortSignal
}

export async function createSubject(context: CommandContext): Promise<Subject> {
  const home = context.home()
  const kind = await kindOfHome(home)
  const target = await chooseTarget(context, kind)
  const soon = (): AbortSignal => AbortSignal.any([context.signal, context.clock.timeout(ASK_MS)])
  // The first request opens it. It is closed with the subject.
  let opened: Promise<Reach> | undefined
  const reach = (): Promise<Reach> =>
    (opened ??= target?.reach(soon()) ?? Promise.reject(new Error('no coordinator is named')))
  const greeting = once(async () => greetCoordinator(context, await reach(), soon()))
  const ask = once(async () => askFleet(context, target?.identity, await reach(), soon))
  return {
    context,
    home,
    kind,
    named: target !== undefined,
    soon,
    greeting,
    async fleet() {
      if (target === undefined)
        return skipped(
          'no coordinator is named',
          'name one: --coordinator TICKET or muster context',
        )
      try {
        await greeting()
      } catch {
        context.signal.throwIfAborted()
        return skipped('the coordinator did not answer')
      }
      try {
        return { value: await ask() }
      } catch (error) {
        context.signal.throwIfAborted()
        return skipped(reasonOf(error), error instanceof MusterError ? error.hint : undefined)
      }
    },
    async [Symbol.asyncDispose]() {
      await opened?.then((one) => one.close()).catch(() => undefined)
    },
  }
}

/** Requests the state of the fleet in a session. `reach` stays open afterwards. */
async function askFleet(
  context: CommandContext,
  identity: string | undefined,
  reach: Reach,
  soon: () => AbortSignal,
): Promise<FleetState> {
  const operator = await openOperatorKey(context, context.globals.identity ?? identity)
  const shared = { ...reach, close: async () => undefined }
  const session = await openSession({ ...context, operator }, shared, soon())
  try {
    const status = await session.ask('status', {}, { signal: soon() })
    const { agents } = await session.ask('agent.list', {}, { signal: soon() })
    return { status, agents }
  } finally {
    await session.close().catch(() => undefined)
  }
}

interface Target {
  readonly identity: string | undefined
  reach(signal: AbortSignal): Promise<Reach>
}

/** A named coordinator overrides the coordinator of the home. */
async function chooseTarget(
  context: CommandContext,
  kind: HomeKind | undefined,
): Promise<Target | undefined> {
  const dial = () => import('../../../session/dial.ts')
  const { ticket, identity, source } = await chooseCoordinator(context)
  const own = context.env['MUSTER_IDENTITY'] ? undefined : identity
  // The current context is used only if there is no home.
  if (ticket !== undefined && (source !== 'current context' || kind === undefined))
    return {
      identity: own,
      reach: async (signal) => (await dial()).dialCoordinator({ ...context, signal }, ticket),
    }
  if (kind === 'coordinator')
    return {
      identity: undefined,
      reach: async () => socketReach(coordinatorPaths(context.home()).socket),
    }
  if (kind === 'agent')
    return {
      identity: undefined,
      async reach(signal) {
        const { fleet, coordinators } = await readAgentIdentity(context.home())
        const options = { fleet, addresses: coordinators }
        return (await dial()).dialAddresses({ ...context, signal }, options)
      },
    }
  return undefined
}

/** Returns the text of an error for a finding. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError')
    return `no answer within ${ASK_MS / 1000} seconds`
  const [first = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
  return first
}

function skipped(detail: string, fix?: string): { skipped: Finding } {
  return { skipped: defined({ status: 'skipped' as const, detail, fix }) }
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let begun: Promise<T> | undefined
  return () => (begun ??= work())
}
