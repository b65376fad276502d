/**
 * One setting of V8's garbage collector, for processes that move bulk data. Every TLS record is a
 * buffer outside the heap; V8 by default collects the whole heap each time 64 MiB of them have
 * passed, which cost half of the processor time of a transfer (measured: 1.9 s of user time for 512
 * MiB, 0.65 s with this). Now such memory counts towards the same limit as the heap, so a
 * collection comes when there is something to collect.
 */
import { setFlagsFromString } from 'node:v8'

let done = false

/**
 * Idempotent. Takes effect at once; raises the memory of a busy process by some tens of megabytes.
 */
export function countBuffersWithHeap(): void {
  if (!done) setFlagsFromString('--external-memory-accounted-in-global-limit')
  done = true
}
