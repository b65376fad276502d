/**
 * Ends this process as a power cut would, at the n-th place that the program passes: for tests of
 * what a crash leaves behind.
 */

/** Returns what each place calls. With 0 the process lives. */
export function dieAt(n: number): () => void {
  let passed = 0
  return () => {
    passed += 1
    if (passed === n) process.kill(process.pid, 'SIGKILL')
  }
}
