/** A host with what this coordinator observes of it: connection, clock, copies and disk. */
import type { Trouble } from '../../protocols/hello/messages.ts'
import { describeStorageFailure } from '../../shared/storage/storage-error.ts'
import type { AgentRecord } from '../registry/agents.ts'

export interface ObservedHosts {
  readonly connected: (peerId: string) => boolean
  /** Addresses of the machines that run as one host. */
  readonly copies: (peerId: string) => readonly string[] | undefined
  /** Milliseconds by which a host's clock is ahead; undefined if it has sent no greeting yet. */
  readonly clockOffset: (peerId: string) => number | undefined
  /** The host's report on its disk in its last greeting. */
  readonly trouble?: (peerId: string) => Trouble | undefined
}

export interface HostState {
  readonly status: 'connected' | 'offline' | 'pending' | 'revoked'
  readonly copies: readonly string[] | undefined
  readonly clockOffsetMs: number | undefined
  readonly trouble: string | undefined
}

export function observeHost({ status, peerId }: AgentRecord, observed: ObservedHosts): HostState {
  const isConnected = observed.connected(peerId)
  // The report of a host that is away may be out of date.
  const trouble = isConnected ? observed.trouble?.(peerId) : undefined
  return {
    status: status !== 'approved' ? status : isConnected ? 'connected' : 'offline',
    copies: observed.copies(peerId),
    clockOffsetMs: observed.clockOffset(peerId),
    trouble: trouble && describeStorageFailure(trouble),
  }
}
