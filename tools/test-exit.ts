/**
 * tools/test.ts loads this file into every test process. A test file that doesn't end fails, and
 * the message lists the open handles. Otherwise node's test runner would wait forever.
 */
import { AsyncResource } from 'node:async_hooks'
import { after } from 'node:test'
import { systemClock } from '../shared/clock.ts'

/** Enough time to close sockets and end children. A leaked handle stays open longer. */
const GRACE_MS = 5000

// This runs only in processes that run a test file, not in the runner that starts them.
if (process.env.NODE_TEST_CONTEXT === 'child-v8' && process.argv[1]?.endsWith('.ts') === true) {
  const file = new AsyncResource('a test file')
  // This hook is added while the file's hooks run. So it runs last, after the file has closed its
  // resources.
  after(() => file.runInAsyncScope(() => after(expectEnd)))
}

function expectEnd(): void {
  // This timer doesn't keep the process alive. It fires only if another handle keeps the process
  // alive.
  systemClock.after(GRACE_MS, () => {
    const open = process
      .getActiveResourcesInfo()
      .filter((kind) => !/^(TTYWrap|PipeWrap|Timeout)$/.test(kind))
    const names = [...new Set(open)].join(', ') || 'a timer or a pipe'
    console.error(`${process.argv[1]} does not end by itself; still open: ${names}`)
    process.exit(1)
  })
}
