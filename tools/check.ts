/**
 * npm run check: checks types (tsc), lint (oxlint with type information), format (biome) and the
 * lockfile. It runs all four checks even if one fails, and prints the output of the failed ones. It
 * exits with 1 if any failed.
 */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../shared/clock.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const CHECKS: readonly { name: string; command: readonly string[]; fix: string }[] = [
  { name: 'types', command: ['tsc', '-p', '.'], fix: '' },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings'], fix: '' },
  { name: 'format', command: ['biome', 'format', '.'], fix: 'npm run format' },
  { name: 'lockfile', command: [process.execPath, 'tools/lockfile.mjs', 'check'], fix: '' },
]

/** Runs one command. Returns its output and whether it succeeded. */
function run(command: readonly string[]): Promise<{ ok: boolean; output: string }> {
  const [program = '', ...args] = command
  const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` }
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ ok: false, output: error.message }))
    child.on('close', (code) => resolve({ ok: code === 0, output }))
  })
}

let failed = 0
for (const check of CHECKS) {
  const startedAt = systemClock.monotonic()
  const { ok, output } = await run(check.command)
  const seconds = ((systemClock.monotonic() - startedAt) / 1000).toFixed(1)
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${check.name.padEnd(9)} ${seconds} s`)
  if (ok) continue
  failed += 1
  console.log(output.trimEnd())
  if (check.fix !== '') console.log(`Next: ${check.fix}`)
}
process.exitCode = failed === 0 ? 0 : 1
