/**
 * Loaded into every test process by tools/test.ts: a test file that doesn't end by itself fails,
 * with the open handles in the message. Without this, node's runner waits for it forever.
 */
import { AsyncResource } from 'node:async_hooks'
import { after } from 'node:test'
import { systemClock } from '../shared/clock.ts'

/** Enough time to close sockets and children; a leak stays longer. */
const GRACE_MS = 5000

// Only in processes that run a test file, not in the runner that starts them.
if (process.env.NODE_TEST_CONTEXT === 'child-v8' && process.argv[1]?.endsWith('.ts') === true) {
  const file = new AsyncResource('a test file')
  // Added while the hooks of the file run, so that it runs after the hooks that close its
  // resources.
  after(() => file.runInAsyncScope(() => after(expectEnd)))
}

function expectEnd(): void {
  // This timer doesn't keep the process alive: it fires only if something else does.
  systemClock.after(GRACE_MS, () => {
    const open = process
      .getActiveResourcesInfo()
      .filter((kind) => !/^(TTYWrap|PipeWrap|Timeout)$/.test(kind))
    const names = [...new Set(open)].join(', ') || 'a timer or a pipe'
    console.error(`${process.argv[1]} does not end by itself; still open: ${names}`)
    process.exit(1)
  })
}
