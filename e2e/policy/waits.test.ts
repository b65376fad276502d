/**
 * Checks that waits don't leak memory. Promise.race keeps each value until its slowest promise
 * settles, and a listener stays on a signal until the signal aborts. On a long-lived promise or
 * signal, both grow with each wait. shared/interrupt.ts has waits without this problem.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { source, sources, type Source } from '../../tools/sources.ts'
import { assertNone, placeOf } from './findings.ts'

/**
 * Finds the functions in any form: called, taken out of Promise, or through an alias of Promise.
 */
const RACES: readonly RegExp[] = [
  /\bPromise\s*\??\.\s*(?:race|any)\b/g,
  /\bPromise\s*(?:\?\.\s*)?\[/g,
  /\{[^{}]*\b(?:race|any)\b[^{}]*\}\s*=\s*Promise\b/g,
  /=\s*(?:globalThis\s*\.\s*)?Promise\s*(?=$|[;,)\]}])/gm,
  /\bReflect\s*\.\s*get\s*\(\s*Promise\b/g,
]
/** Finds each listener for the abort of a signal, with its name if it has one. */
const LISTENER = /\.\s*addEventListener\s*\(\s*(['"`])abort\1\s*,\s*([\w.]+\s*(?=[,)]))?/g
const PROPERTY = /\.\s*onabort\s*=(?!=)/g

/** The listeners that need no removal, each with the reason. */
const STAYS: Readonly<Record<string, string>> = {
  'shared/interrupt.ts': 'untilAborted lasts as long as its caller',
  'cli/program/interrupt.ts': 'the signal of stdout lives as long as the process',
  'cli/session/operator-key.ts': 'one signal is its own, the other listener leaves through it',
}

/** Returns `path:line: problem` of every wait that leaks memory. */
function leaks({ path, code }: Source): string[] {
  const at = (index: number): string => placeOf({ path }, code, index)
  const races = RACES.flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => `${at(match.index)}: a race of promises`),
  )
  const listeners = [...code.matchAll(LISTENER)].flatMap((match) => {
    const name = match[2]?.trim()
    const escaped = name?.replaceAll('.', '\\.')
    const removal = new RegExp(
      `\\.\\s*removeEventListener\\s*\\(\\s*['"\`]abort['"\`]\\s*,\\s*${escaped}(?![\\w.])`,
    )
    return name !== undefined && removal.test(code)
      ? []
      : [`${at(match.index)}: a listener that is never removed`]
  })
  const properties = [...code.matchAll(PROPERTY)].map(
    (match) => `${at(match.index)}: a listener that is never removed`,
  )
  return [...races, ...(Object.hasOwn(STAYS, path) ? [] : [...listeners, ...properties])]
}

test('policy: no wait uses Promise.race or leaves a listener on a signal', () => {
  const product = sources().filter(({ isTest, folder }) => !isTest && folder !== 'e2e')
  assertNone(product.flatMap(leaks), 'use the waits of shared/interrupt.ts')
})

test('policy: the guard of waits finds exactly the marked lines of its fixture', () => {
  const path = 'e2e/policy/fixtures/waits.ts'
  const file = source(path)
  const marked = file.text
    .split('\n')
    .flatMap((line, index) => (line.includes('// BAD') ? [index + 1] : []))
  const found = leaks(file).map((leak) => Number(leak.split(':')[1]))
  assert.deepEqual(
    [...new Set(found)].sort((a, b) => a - b),
    marked,
  )
})
