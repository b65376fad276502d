// Handles Ctrl-C and SIGTERM while Node loads the command line, with the usual message and exit
// code. The launchers preload this file (`node -r`), because it runs long before cli/main.ts.
// cli/program/interrupt.ts replaces it later. Plain JavaScript, so that it loads fast.
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
