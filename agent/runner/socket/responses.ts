/** The result of each request to the runner. `read` and `next` also return output bytes. */
import type { Stream } from '../ground/run-state.ts'
import type { RunStatus } from '../records/run-status.ts'
import type { Request } from './requests.ts'

export interface RunnerInfo {
  readonly protocol: number
  readonly pid: number
  readonly live: number
}

export interface ReadInfo {
  /** The offset of the first byte in the whole stream. */
  readonly offset: number
  /** How many of the requested bytes before `offset` were dropped. */
  readonly dropped: number
  /** The number of bytes that the stream has so far. */
  readonly size: number
  /** True if the stream has ended with these bytes. */
  readonly end: boolean
}

export interface NextInfo {
  /** True if the output of the run has ended. */
  readonly end: boolean
  /** These fields are absent if there was no output in time. */
  readonly stream?: Stream
  readonly offset?: number
  readonly dropped?: number
}

export interface Results {
  readonly hello: RunnerInfo
  readonly start: RunStatus
  readonly status: RunStatus
  readonly list: { readonly runs: readonly RunStatus[]; readonly more: boolean }
  readonly wait: RunStatus
  readonly stop: RunStatus
  readonly signal: null
  readonly read: ReadInfo
  readonly next: NextInfo
  readonly shutdown: null
}

export type Method = Request['method']

export interface Response<M extends Method> {
  readonly result: Results[M]
  readonly body: Uint8Array
}
