/** Only shared/clock.ts and shared/random.ts may use ambient time and randomness. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { source, sources } from '../../tools/sources.ts'
import { assertNone } from './findings.ts'

const AMBIENT: readonly RegExp[] = [
  // Date is found in any form: called, constructed, or passed on under another name. Two of its
  // functions are allowed, because they only calculate.
  /(?<![.\w])Date\b(?!\.(?:UTC|parse)\b)/,
  /\bMath\.random\b|\bMath\[/,
  /\bperformance\b/,
  /\bhrtime\b/,
  /(?<!\.)\buptime\(\)|\b(?:os|process)\.uptime\b/,
  /\brandom(?:Bytes|UUID|UUIDv7|Int|FillSync|Fill)\b/,
  /\bgetRandomValues\b/,
  /\bgenerateKeyPairSync\b/,
  /\bAbortSignal\.timeout\b/,
  /(?<![.\w])set(?:Timeout|Interval)\b/,
  /\bglobalThis\b.*\b(?:Date|Math|crypto|set(?:Timeout|Interval))\b/,
  // setImmediate isn't a clock.
  /^(?!import \{ setImmediate \} from 'node:timers(?:\/promises)?'$).*'node:timers\b/,
  // Databases have clocks, too.
  /\b(?:current_timestamp|current_time|clock_timestamp|unixepoch|strftime)\b/i,
  /\bdatetime\(|\b(?:select|set|where|values|default)\b.*(?<![.\w])now\(\)/i,
]

/** Allowed places, with the reason. */
const ALLOWED: Readonly<Record<string, string>> = {
  'shared/clock.ts': 'is the clock',
  'shared/random.ts': 'is the randomness',
  'e2e/policy/ambient.test.ts': 'contains the patterns',
  'e2e/testing/shift-clock.ts': 'moves the clock of processes under test',
}

/** Returns `path:line: text` of every ambient use. */
function ambientUses(path: string): string[] {
  const { code } = source(path)
  return code
    .split('\n')
    .flatMap((line, index) =>
      AMBIENT.some((pattern) => pattern.test(line)) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
    )
}

test('policy: no ambient time or randomness outside shared/clock.ts and shared/random.ts', () => {
  const uses = sources()
    .filter(({ path }) => !Object.hasOwn(ALLOWED, path))
    .flatMap(({ path }) => ambientUses(path))
  assertNone(uses, 'take a Clock or Random from the deps')
})

test('policy: the ambient guard finds exactly the marked lines of its fixture', () => {
  const path = 'e2e/policy/fixtures/ambient.ts'
  const marked = source(path)
    .text.split('\n')
    .flatMap((line, index) => (line.includes('// BAD') ? [index + 1] : []))
  const found = ambientUses(path).map((use) => Number(use.split(':')[1]))
  assert.deepEqual(found, marked)
})
