/**
 * `node act-until-killed.ts URL FOLDER EFFECTS N` runs one operation from intent to response. It
 * kills itself at the N-th place: between steps, before each signature and before each durable
 * file. Its effect is a file with the name of the operation. crash.test.ts runs it.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  FLEET,
  intentStatement,
  issuer,
  operation,
  outcomeStatement,
} from '../../../fixtures/audit/fleet.ts'
import { systemClock } from '../../../shared/clock.ts'
import { systemRandom } from '../../../shared/random.ts'
import { openDatabase } from '../../database/database.ts'
import { dieAt } from '../../database/testing/die.ts'
import { openLedger } from '../ledger.ts'

const [url, folder, effects, place] = process.argv.slice(2) as [string, string, string, string]
const pass = dieAt(Number(place))
const id = operation(Number(place))

const database = await openDatabase({ clock: systemClock }, { url })
const ledger = await openLedger(
  {
    database,
    clock: systemClock,
    // Each durable file first uses random bytes for its temporary name.
    random: {
      ...systemRandom,
      bytes: (length) => {
        pass()
        return systemRandom.bytes(length)
      },
    },
    signer: {
      publicKey: issuer.publicKey,
      fingerprint: issuer.fingerprint,
      comment: issuer.comment,
      sign: async (bytes) => {
        pass()
        return issuer.sign(bytes)
      },
    },
  },
  { fleet: FLEET, coordinator: 'c1', folder },
)
const [intent, outcome] = [
  await intentStatement(Number(place)),
  await outcomeStatement(Number(place)),
]
pass()
await database.transaction(async (tx) => {
  const { index } = await ledger.append(tx, intent)
  pass()
  await ledger.openIntent(tx, { operation: id, index, verb: 'run.start' })
  pass()
})
pass()
await ledger.checkpoint()
pass()
writeFileSync(join(effects, id), 'done', { flag: 'wx' })
pass()
await database.transaction(async (tx) => {
  await ledger.append(tx, outcome)
  pass()
  await ledger.closeIntent(tx, id)
})
pass()
await ledger.checkpoint()
pass()
await database.close()
