// Ctrl-C and SIGTERM while Node loads the command line: the usual line and exit code, instead of a
// raw end by the signal. The launchers preload this file (`node -r`), because it runs long before
// cli/main.ts. cli/program/interrupt.ts takes over. Plain JavaScript, so that it costs no time.
'use strict'
const { writeSync } = require('node:fs')

for (const [signal, exit, word] of [
  ['SIGINT', 130, 'interrupted'],
  ['SIGTERM', 143, 'terminated'],
])
  process.on(signal, () => {
    try {
      writeSync(2, `muster: error: ${word}\n`)
    } catch {
      // Nothing reads standard error: the exit code is enough.
    }
    process.exit(exit)
  })
