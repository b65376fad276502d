/**
 * Ends this process at the n-th place that the program passes, as a power cut would. For tests of
 * crashes.
 */

/** Returns the function that each place calls. With 0 the process continues. */
export function dieAt(n: number): () => void {
  let passed = 0
  return () => {
    passed += 1
    if (passed === n) process.kill(process.pid, 'SIGKILL')
  }
}
