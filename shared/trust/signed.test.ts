/**
 * Checks that a signed statement is accepted only if its author signed exactly these bytes as this
 * kind.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, type Json } from '../canonical-json.ts'
import { MusterError } from '../errors.ts'
import { formatPublicKeyLine } from '../identity/public-key.ts'
import { armorSshsig, signSshsig } from '../identity/sshsig.ts'
import { runTool, tempFolder } from '../testing/openssh.ts'
import {
  base64Key,
  minutesLater,
  OTHER_FLEET,
  sampleBody,
  signedSample,
  TEST_FLEET,
  testKey,
  testUuid,
} from '../testing/statements.ts'
import { pae } from './dsse.ts'
import { type Kind, KINDS, kindOfType, kindRow } from './kinds.ts'
import { MAX_STATEMENT_BYTES, readSigned, type Signed, signStatement } from './signed.ts'

const key = testKey(1)
const other = testKey(2)

/** Signs any bytes as a statement of the kind. */
async function signRaw(kind: Kind, text: string | Uint8Array, signer = key): Promise<Signed> {
  const { scheme, namespace, type } = kindRow(kind)
  const statement = typeof text === 'string' ? Buffer.from(text) : text
  const signature =
    namespace === undefined
      ? await signer.sign(pae(type, statement))
      : await signSshsig(signer, namespace, statement)
  return { statement, scheme, key: signer.publicKey, signature }
}

const textOf = (signed: Signed): string => Buffer.from(signed.statement).toString()

describe('signed statements', () => {
  for (const kind of KINDS)
    test(`a ${kind} statement reads as signed, in canonical form`, async () => {
      const body = { ...sampleBody(kind, key), type: kindRow(kind).type }
      const signed = await signStatement(key, kind, body)
      const read = readSigned(signed, kind, { fleet: TEST_FLEET })
      assert.deepEqual(read, body)
      assert.equal(textOf(signed), canonicalJson(read as unknown as Json))
      assert.equal(kindOfType(read.type), kind)
      assert.match(read.type, new RegExp(`^muster/${kind}/v1$`))
    })

  test('ssh-keygen -Y verify accepts the statement of an operator', async () => {
    await using folder = await tempFolder()
    await writeFile(folder.file('signers'), `op ${formatPublicKeyLine(key.publicKey)}\n`)
    for (const [kind, namespace] of [
      ['intent', 'muster'],
      ['root', 'muster-root'],
    ] as const) {
      const signed = await signedSample(kind, key)
      await writeFile(folder.file('sig'), armorSshsig(signed.signature))
      const args = [
        '-Y',
        'verify',
        '-f',
        folder.file('signers'),
        '-I',
        'op',
        '-n',
        namespace,
        '-s',
        folder.file('sig'),
      ]
      const { code, stderr } = await runTool('ssh-keygen', args, { input: signed.statement })
      assert.equal(code, 0, stderr)
    }
  })

  test('ID-32: no statement is read as another kind', async () => {
    for (const kind of KINDS) {
      const signed = await signedSample(kind, key)
      for (const wanted of KINDS.filter((each) => each !== kind))
        assert.throws(
          () => readSigned(signed, wanted),
          (error) =>
            error instanceof MusterError &&
            ['trust.scheme', 'trust.signature', 'trust.type'].includes(error.code),
          `${kind} as ${wanted}`,
        )
    }
  })

  test('ID-32: rejects bytes of one kind with the scheme of another by their type', async () => {
    for (const kind of KINDS)
      for (const wanted of KINDS.filter((each) => each !== kind)) {
        const signed = await signRaw(wanted, textOf(await signedSample(kind, key)))
        assert.throws(
          () => readSigned(signed, wanted),
          { code: 'trust.type' },
          `${kind} as ${wanted}`,
        )
      }
    const untyped = canonicalJson({ fleet: TEST_FLEET })
    assert.throws(() => readSigned({ ...EMPTY, statement: Buffer.from(untyped) }, 'grant'), {
      code: 'trust.signature',
    })
    const signed = await signRaw('grant', untyped)
    assert.throws(() => readSigned(signed, 'grant'), { code: 'trust.type', message: /none/ })
  })

  test('ID-18: rejects an operator statement for another SSHSIG namespace', async () => {
    const { statement } = await signedSample('intent', key)
    for (const namespace of ['git', 'file', 'muster-root']) {
      const signature = await signSshsig(key, namespace, statement)
      assert.throws(
        () => readSigned({ statement, scheme: 'sshsig', key: key.publicKey, signature }, 'intent'),
        {
          code: 'trust.signature',
          message: /its namespace is/,
        },
      )
    }
  })

  test('ID-02: the author in a statement must be the key that signed it', async () => {
    for (const [kind, field] of [
      ['intent', 'actor'],
      ['session', 'actor'],
      ['grant', 'issuer'],
      ['revocation', 'issuer'],
    ] as const) {
      const body = {
        ...sampleBody(kind, key),
        type: kindRow(kind).type,
        [field]: other.fingerprint,
      }
      const signed = await signRaw(kind, canonicalJson(body))
      assert.throws(() => readSigned(signed, kind), { code: 'trust.author' })
      await assert.rejects(signStatement(key, kind, body as never), { code: 'trust.author' })
    }
  })

  test('ID-02: rejects a statement with another key than the signer', async () => {
    for (const kind of KINDS) {
      const signed = await signedSample(kind, key)
      assert.throws(() => readSigned({ ...signed, key: other.publicKey }, kind), {
        code: 'trust.signature',
      })
    }
  })

  test('ID-31: rejects JSON that is not canonical, even with a valid signature', async () => {
    const good = textOf(await signedSample('intent', key))
    assert.ok(readSigned(await signRaw('intent', good), 'intent'))
    const variants: Record<string, string> = {
      'duplicate key': good.replace('{"actor"', '{"actor":"x","actor"'),
      'duplicate key at the end': `${good.slice(0, -1)},"verb":"run.stop"}`,
      blank: good.replace('":"', '": "'),
      'final line end': `${good}\n`,
      'byte order mark': `\ufeff${good}`,
      'keys out of order':
        `{"verb":"run.start",` + good.slice(1).replace(',"verb":"run.start"', ''),
      'another escape': good.replace('run.start', '\\u0072un.start'),
      'escaped slash': good.replace('muster/intent', 'muster\\/intent'),
      'lone surrogate': good.replace('"C"', '"\\ud800"'),
      'number with a fraction': good.replace('"cwd":null', '"cwd":1.0'),
      'number with an exponent': good.replace('"cwd":null', '"cwd":1e3'),
      'negative zero': good.replace('"cwd":null', '"cwd":-0'),
      'above 2^53': good.replace('"cwd":null', '"cwd":9007199254740993'),
      '2^53': good.replace('"cwd":null', '"cwd":9007199254740992'),
      'not a number': good.replace('"cwd":null', '"cwd":NaN'),
      infinity: good.replace('"cwd":null', '"cwd":1e999'),
      'key __proto__ in arguments': good.replace(
        '"command"',
        '"__proto__":{"control":true},"command"',
      ),
      'key __proto__ at the top': `{"__proto__":{"level":"control"},${good.slice(1)}`,
      'nested too deeply': good.replace('"cwd":null', `"cwd":${'['.repeat(20)}${']'.repeat(20)}`),
      'nested far too deeply': good.replace(
        '"cwd":null',
        `"cwd":${'['.repeat(10_000)}${']'.repeat(10_000)}`,
      ),
      'too many items': good.replace('"cwd":null', `"cwd":[${'1,'.repeat(5000)}1]`),
      'unknown key': `${good.slice(0, -1)},"zzz":1}`,
      array: `[${good}]`,
      null: 'null',
      empty: '',
      'no JSON': 'intent',
    }
    for (const [name, text] of Object.entries(variants)) {
      assert.notEqual(text, good, name)
      const signed = await signRaw('intent', text)
      assert.throws(() => readSigned(signed, 'intent'), { code: 'trust.malformed' }, name)
    }
    const notUtf8 = await signRaw(
      'intent',
      Buffer.concat([
        Buffer.from(good.slice(0, -2)),
        Uint8Array.of(0xff),
        Buffer.from(good.slice(-2)),
      ]),
    )
    assert.throws(() => readSigned(notUtf8, 'intent'), { code: 'trust.malformed' })
    assert.equal(({} as Record<string, unknown>)['control'], undefined)
  })

  test('rejects a statement above the size limit first', async () => {
    const huge = { ...EMPTY, statement: new Uint8Array(MAX_STATEMENT_BYTES + 1) }
    assert.throws(() => readSigned(huge, 'intent'), {
      code: 'trust.malformed',
      message: /more than 49152/,
    })
    const body = sampleBody('intent', key)
    await assert.rejects(
      signStatement(key, 'intent', {
        ...body,
        arguments: { text: 'x'.repeat(MAX_STATEMENT_BYTES) },
      }),
      {
        code: 'trust.malformed',
      },
    )
  })

  test('rejects a statement of another fleet', async () => {
    const signed = await signedSample('grant', key, { fleet: OTHER_FLEET })
    assert.ok(readSigned(signed, 'grant'))
    assert.throws(() => readSigned(signed, 'grant', { fleet: TEST_FLEET }), { code: 'trust.fleet' })
  })

  test('each kind has one scheme', async () => {
    await assert.rejects(signStatement(key, 'intent', sampleBody('intent', key), 'dsse'), {
      code: 'trust.scheme',
    })
    await assert.rejects(signStatement(key, 'facts', sampleBody('facts', key), 'sshsig'), {
      code: 'trust.scheme',
    })
    const { statement } = await signedSample('intent', key)
    const signature = await key.sign(pae('muster/intent/v1', statement))
    assert.throws(
      () => readSigned({ statement, scheme: 'dsse', key: key.publicKey, signature }, 'intent'),
      { code: 'trust.scheme' },
    )
    assert.throws(
      () => readSigned({ statement, scheme: 'sshsig', key: key.publicKey, signature }, 'intent'),
      { code: 'trust.signature' },
    )
  })

  test('refuses to sign a statement that no reader would accept', async () => {
    const grant = sampleBody('grant', key)
    for (const changes of [
      { namespace: 'everything' },
      { namespace: 'run/../repo' },
      { level: 'admin' },
      { selector: {} },
      { selector: { all: true, agents: [testUuid(9)] } },
      { selector: { all: false } },
      { selector: { labels: {} } },
      { selector: { agents: [] } },
      { depth: 4 },
      { depth: -1 },
      { notAfter: grant.notBefore },
      { notBefore: '2026-01-31T08:00:00Z' },
      { notBefore: '2026-02-30T08:00:00.000Z' },
      { notBefore: '2026-01-31T08:00:00.000+01:00' },
      { id: 'x' },
      { subject: 'SHA256:short' },
      { epoch: 1.5 },
      { extra: true },
    ])
      await assert.rejects(
        signStatement(key, 'grant', { ...grant, ...changes } as never),
        MusterError,
        JSON.stringify(changes),
      )
    const intent = sampleBody('intent', key)
    for (const changes of [
      { expiresAt: minutesLater(5.01) },
      { expiresAt: intent.issuedAt },
      { verb: 'run' },
      { verb: 'Run.Start' },
      { targets: ['a', 'a'] },
      { targets: [''] },
      { arguments: [] },
      { arguments: null },
    ])
      await assert.rejects(
        signStatement(key, 'intent', { ...intent, ...changes } as never),
        MusterError,
        JSON.stringify(changes),
      )
    const session = sampleBody('session', key)
    await assert.rejects(
      signStatement(key, 'session', { ...session, notAfter: minutesLater(12 * 60 + 1) }),
      {
        message: /longer than 720 minutes/,
      },
    )
    await assert.rejects(
      signStatement(key, 'session', {
        ...session,
        coordinator: 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
      }),
      MusterError,
    )
    const certificate = sampleBody('certificate', key)
    for (const changes of [
      { notAfter: minutesLater(26 * 60) },
      { agent: null },
      { role: 'observer' },
      { role: 'operator' },
      { labels: { 'a b': 'c' } },
    ])
      await assert.rejects(
        signStatement(key, 'certificate', { ...certificate, ...changes } as never),
        MusterError,
        JSON.stringify(changes),
      )
    const facts = sampleBody('facts', key)
    for (const changes of [
      { events: null },
      { kind: 'full' },
      { payload: 'ab'.repeat(32) },
      { sequence: -1 },
    ])
      await assert.rejects(
        signStatement(key, 'facts', { ...facts, ...changes } as never),
        MusterError,
        JSON.stringify(changes),
      )
    for (const changes of [
      { kind: 'key' },
      { kind: 'agent', target: 'x' },
      { kind: 'everything' },
      { epoch: 0 },
    ])
      await assert.rejects(
        signStatement(key, 'revocation', { ...sampleBody('revocation', key), ...changes } as never),
        MusterError,
        JSON.stringify(changes),
      )
  })

  test('ID-03: rejects a small-order key in any role', async () => {
    const identity = Buffer.from(
      Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0)),
    ).toString('base64')
    const row = { key: identity, name: 'x' }
    await assert.rejects(signedSample('root', key, { operators: [row] }), {
      code: 'trust.malformed',
      message: /operators\.0\.key/,
    })
    await assert.rejects(signedSample('root', key, { issuers: [row] }), { code: 'trust.malformed' })
    await assert.rejects(signedSample('certificate', key, { subject: identity }), {
      code: 'trust.malformed',
    })
    await assert.rejects(signedSample('session', key, { key: identity }), {
      code: 'trust.malformed',
    })
    // The key isn't accepted as a signer, either.
    const { statement } = await signedSample('facts', key)
    const signed: Signed = {
      statement,
      scheme: 'dsse',
      key: Buffer.from(identity, 'base64'),
      signature: Buffer.concat([Buffer.from(identity, 'base64'), new Uint8Array(32)]),
    }
    assert.throws(() => readSigned(signed, 'facts'), { code: 'trust.signature' })
  })

  test('rejects base64 keys with other spare bits or without padding', async () => {
    const good = base64Key(key)
    const spare = `${good.slice(0, 42)}${String.fromCharCode(good.charCodeAt(42) + 1)}=`
    for (const spelling of [good.slice(0, 43), `${good}=`, spare, good.replace('=', ' ')])
      await assert.rejects(signedSample('session', key, { key: spelling }), {
        code: 'trust.malformed',
      })
  })

  test('rejects a change of any byte in text, key or signature', async () => {
    for (const kind of ['intent', 'facts'] as const) {
      const signed = await signedSample(kind, key)
      fc.assert(
        fc.property(
          fc.constantFrom('statement', 'key', 'signature'),
          fc.nat(),
          fc.integer({ min: 1, max: 255 }),
          (part, position, flip) => {
            const bytes = Uint8Array.from(signed[part as 'statement'])
            const at = position % bytes.length
            bytes[at] = (bytes[at] as number) ^ flip
            assert.throws(() => readSigned({ ...signed, [part]: bytes }, kind), {
              code: 'trust.signature',
            })
          },
        ),
        { numRuns: 150 },
      )
    }
  })

  test('any validly signed JSON is a Muster error or reads as signed', async () => {
    const body = { ...sampleBody('outcome', key), type: 'muster/outcome/v1' } as Record<
      string,
      unknown
    >
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(body)),
        fc.jsonValue({ maxDepth: 4 }),
        async (field, value) => {
          const text = JSON.stringify(
            Object.fromEntries(
              Object.entries({ ...body, [field]: value }).sort(([a], [b]) => (a < b ? -1 : 1)),
            ),
          )
          const signed = await signRaw('outcome', text)
          try {
            assert.equal(canonicalJson(readSigned(signed, 'outcome') as unknown as Json), text)
          } catch (error) {
            assert.ok(
              error instanceof MusterError && error.code.startsWith('trust.'),
              String(error),
            )
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

const EMPTY: Signed = {
  statement: new Uint8Array(0),
  scheme: 'sshsig',
  key: key.publicKey,
  signature: new Uint8Array(0),
}
