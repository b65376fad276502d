import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { issuer, operator, secondIssuer, stranger } from '../../fixtures/audit/fleet.ts'
import { auditError } from './errors.ts'
import { MAX_NOTE_BYTES, noteVerifierKey, openNote, signNote } from './note.ts'

const NAME = 'example.com/log'
const known = { name: NAME, publicKey: issuer.publicKey }
const refused = (reason: RegExp) => (error: unknown) =>
  auditError.is(error, 'audit.note') && reason.test(error.message)

describe('signed notes', () => {
  it('opens the note of the Go reference implementation', () => {
    // golang.org/x/mod/sumdb/note, package documentation.
    const verifier = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
    const key = {
      name: 'PeterNeumann',
      publicKey: Buffer.from(verifier.split('+').slice(2).join('+'), 'base64').subarray(1),
    }
    const text =
      'If you think cryptography is the answer to your problem,\n' +
      "then you don't know what your problem is.\n"
    const line =
      '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqf' +
      'qdngotpRZb6KE6RyyBwJnAM=\n'
    assert.equal(noteVerifierKey(key), verifier)
    assert.deepEqual(openNote(`${text}\n${line}`, [key]), { text, signers: [key], lines: 1 })
  })

  it('opens what it signed, with one known signature among several', async () => {
    const note = await signNote('one\n\ntwo\n', [
      { name: 'other', signer: stranger },
      { name: NAME, signer: issuer },
    ])
    const opened = openNote(note, [{ name: NAME, publicKey: secondIssuer.publicKey }, known])
    assert.deepEqual(opened, { text: 'one\n\ntwo\n', signers: [known], lines: 2 })
  })

  it('AL-08: ignores unknown keys and rejects bad ones of known keys', async () => {
    const text = 'text\n'
    const note = await signNote(text, [{ name: NAME, signer: issuer }])
    const other = await signNote(text, [{ name: NAME, signer: operator }])
    const both = note + other.slice(other.indexOf('\n\n') + 2)
    assert.equal(openNote(both, [known]).signers.length, 1)
    assert.throws(() => openNote(other, [known]), refused(/no known key/))
    assert.throws(() => openNote(note.replace('text', 'test'), [known]), refused(/does not belong/))
    // A known key's signature over another text invalidates an otherwise valid note.
    const elsewhere = await signNote('another\n', [{ name: NAME, signer: issuer }])
    const spoiled = other + elsewhere.slice(elsewhere.indexOf('\n\n') + 2)
    assert.throws(
      () => openNote(spoiled, [known, { name: NAME, publicKey: operator.publicKey }]),
      refused(/does not belong/),
    )
  })

  it('AL-08: rejects 17 signatures, control characters, no line end, bad UTF-8', async () => {
    const note = await signNote('text\n', [{ name: NAME, signer: issuer }])
    const line = note.slice(note.indexOf('\n\n') + 2)
    assert.equal(openNote(`text\n\n${line.repeat(16)}`, [known]).signers.length, 1)
    assert.throws(() => openNote(`text\n\n${line.repeat(17)}`, [known]), refused(/more than 16/))
    assert.throws(() => openNote(note.slice(0, -1), [known]), refused(/last line has no end/))
    assert.throws(() => openNote('text\n', [known]), refused(/no blank line/))
    assert.throws(() => openNote('text\n\n', [known]), refused(/no signature/))
    for (const bad of ['te\rxt\n', 'te\u0000xt\n', 'te\u001b[31mxt\n', 'te\u007fxt\n', 'te\tt\n']) {
      assert.throws(
        () => openNote(note.replace('text\n', bad), [known]),
        refused(/control character/),
      )
      await assert.rejects(
        signNote(bad, [{ name: NAME, signer: issuer }]),
        refused(/control character/),
      )
    }
    assert.throws(
      () =>
        openNote(
          Buffer.concat([
            Buffer.from('te\u00e9'.slice(0, 2)),
            Buffer.of(0xff),
            Buffer.from(`\n\n${line}`),
          ]).toString(),
          [known],
        ),
      refused(/UTF-8/),
    )
    assert.throws(
      () => openNote(`text\n\n${line.replace('— ', '- ')}`, [known]),
      refused(/malformed/),
    )
    assert.throws(
      () => openNote(`text\n\n${line.replace(NAME, 'a+b')}`, [known]),
      refused(/key name/),
    )
    assert.throws(
      () => openNote(`${'x'.repeat(MAX_NOTE_BYTES)}\n\n${line}`, [known]),
      refused(/larger/),
    )
    await assert.rejects(signNote('no end', [{ name: NAME, signer: issuer }]), refused(/line end/))
    await assert.rejects(signNote('text\n', [{ name: 'a b', signer: issuer }]), refused(/key name/))
  })

  it('detects any changed character, unless the text stays the same', async () => {
    const note = await signNote('origin\n12\nroot\n', [{ name: NAME, signer: issuer }])
    fc.assert(
      fc.property(
        fc.nat({ max: note.length - 1 }),
        fc.string({ minLength: 1, maxLength: 1 }),
        (at, char) => {
          fc.pre(note[at] !== char)
          const changed = note.slice(0, at) + char + note.slice(at + 1)
          assert.throws(() => openNote(changed, [known]), refused(/./))
        },
      ),
    )
  })
})
