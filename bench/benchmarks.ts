/**
 * Lists all benchmarks by name. They are loaded only when they run. Add a line for each new one.
 */
import type { Benchmark } from './harness.ts'

export const BENCHMARKS: Readonly<Record<string, () => Promise<{ benchmark: Benchmark }>>> = {
  b1: () => import('./b1-fetch.ts'),
  b2: () => import('./b2-tls.ts'),
  b4: () => import('./b4-import.ts'),
  b5: () => import('./b5-chunk-groups.ts'),
  b12: () => import('./b12-append.ts'),
  b13: () => import('./b13-proof.ts'),
}
