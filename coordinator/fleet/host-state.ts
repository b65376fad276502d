/** Describes a host with the coordinator's observations: connection, clock, copies and disk. */
import type { Trouble } from '../../protocols/hello/messages.ts'
import { describeStorageFailure } from '../../shared/storage/storage-error.ts'
import type { AgentRecord } from '../registry/agents.ts'

export interface ObservedHosts {
  readonly connected: (peerId: string) => boolean
  /** Returns the addresses of the machines that run as one host. */
  readonly copies: (peerId: string) => readonly string[] | undefined
  /**
   * Returns the milliseconds by which a host's clock is ahead. Undefined if the host has sent no
   * greeting yet.
   */
  readonly clockOffset: (peerId: string) => number | undefined
  /** Returns the disk problem that the host reported in its last greeting. */
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
  // The report of a disconnected host may be out of date.
  const trouble = isConnected ? observed.trouble?.(peerId) : undefined
  return {
    status: status !== 'approved' ? status : isConnected ? 'connected' : 'offline',
    copies: observed.copies(peerId),
    clockOffsetMs: observed.clockOffset(peerId),
    trouble: trouble && describeStorageFailure(trouble),
  }
}
