import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FLEET, FLEET_TIME, issuer, secondIssuer, stranger } from '../../fixtures/audit/fleet.ts'
import { fleetId } from '../ids.ts'
import { openCheckpoint, originOf, signCheckpoint } from './checkpoint.ts'
import { auditError } from './errors.ts'
import { signNote } from './note.ts'
import { EMPTY_ROOT } from './tree.ts'

const issuers = [issuer.publicKey, secondIssuer.publicKey]
const head = { size: 12, root: EMPTY_ROOT, at: FLEET_TIME }

describe('checkpoints', () => {
  it('is a note of origin, size, root and time', async () => {
    const signed = await signCheckpoint(issuer, FLEET, head)
    assert.match(
      signed.note,
      new RegExp(
        '^(5f1e){8}/audit\n12\n47DEQpj8HBSa\\+/TImW\\+5JCeuQeRkm5NMpJWZG3hSuFU=\n' +
          'time 2026-01-31T08:00:00\\.000Z\n\n— (5f1e){8}/audit [A-Za-z0-9+/]+=*\n$',
      ),
    )
    assert.deepEqual(openCheckpoint(signed.note, { fleet: FLEET, issuers }), {
      ...head,
      root: new Uint8Array(EMPTY_ROOT),
      note: signed.note,
    })
  })

  it('is rejected from an unknown key, from another fleet, or if malformed', async () => {
    const byStranger = await signCheckpoint(stranger, FLEET, head)
    assert.throws(
      () => openCheckpoint(byStranger.note, { fleet: FLEET, issuers }),
      (error) => auditError.is(error, 'audit.note'),
    )
    const other = fleetId.parse('ab'.repeat(16))
    const elsewhere = await signCheckpoint(issuer, other, head)
    assert.throws(
      () => openCheckpoint(elsewhere.note, { fleet: FLEET, issuers }),
      (error) => auditError.is(error, 'audit.note'),
    )
    const origin = originOf(FLEET)
    const root = Buffer.from(EMPTY_ROOT).toString('base64')
    const time = 'time 2026-01-31T08:00:00.000Z'
    for (const text of [
      `${originOf(other)}\n12\n${root}\n${time}\n`,
      `${origin}\n012\n${root}\n${time}\n`,
      `${origin}\n-1\n${root}\n${time}\n`,
      `${origin}\n9007199254740992\n${root}\n${time}\n`,
      `${origin}\n12\n${root.replace('=', '')}\n${time}\n`,
      `${origin}\n12\n${root.slice(4)}\n${time}\n`,
      `${origin}\n12\n${root}\n`,
      `${origin}\n12\n${root}\n${time}\n${time}\n`,
      `${origin}\n12\n${root}\n\n${time}\n`,
      `${origin}\n12\n`,
    ]) {
      const note = await signNote(text, [{ name: origin, signer: issuer }])
      assert.throws(
        () => openCheckpoint(note, { fleet: FLEET, issuers }),
        (error) => auditError.is(error, 'audit.checkpoint'),
        text,
      )
    }
    const extended = await signNote(`${origin}\n12\n${root}\nsomething else\n${time}\n`, [
      { name: origin, signer: issuer },
    ])
    assert.equal(openCheckpoint(extended, { fleet: FLEET, issuers }).size, 12)
  })
})
