/** Checks the types of the table of handlers. The compiler runs this test. */
import { test } from 'node:test'
import type { ActHandler, VerbHandlers } from './operation.ts'

declare const all: VerbHandlers
declare const start: ActHandler<'run.start'>

/** Never called. It only has to compile. */
export function misuse(): readonly VerbHandlers[] {
  const { 'run.stop': stop, ...others } = all
  return [
    // @ts-expect-error the verb run.stop has no handler
    others,
    // @ts-expect-error the handler is for the arguments of another verb
    { ...others, 'run.stop': start },
    { ...others, 'run.stop': stop },
  ]
}

test('a table that lacks a verb, or has the handler of another verb, does not compile', () => {})
