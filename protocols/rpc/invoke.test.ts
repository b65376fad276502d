/** Checks that methods can be called without a stream, through a line of a few functions. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { z } from 'zod'
import { systemClock } from '../../shared/clock.ts'
import type { MusterError } from '../../shared/errors.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import type { Capability } from '../capability.ts'
import { wireError } from '../wire/errors.ts'
import { defineProtocol, type Handlers, type Limits, method } from './define-protocol.ts'
import { type CallerLine, type Codec, createService, type Ended, invoke } from './invoke.ts'
import type { Ask, DuplexPeer } from './peer.ts'

const limits: Limits = {
  maxRequestBytes: 200,
  maxResponseBytes: 200,
  maxProgressBytes: 100,
  callMs: 60_000,
  idleMs: 2_000,
  stallMs: 300,
  maxInboundStreams: 4,
  maxOutboundStreams: 4,
  quota: { burst: 3, perSecond: 0.001 },
}
const local: Capability = { kind: 'local' }
const Text = z.object({ text: z.string() })
const tea = defineProtocol({
  name: 'tea',
  version: 1,
  limits,
  methods: {
    brew: method({ capability: local, request: Text, response: Text, progress: Text }),
    pour: method({ capability: local, request: z.object({}), response: Text, upload: true }),
    drink: method({ capability: local, request: z.object({}), response: Text, download: true }),
    touch: method({
      capability: { kind: 'operator', namespace: 'run', level: 'control', scope: 'targets' },
      request: Text,
      response: Text,
    }),
  },
})

/** The codec of a transport with JSON bodies. */
const JSON_CODEC: Codec = {
  decode: (bytes, what) => {
    try {
      return JSON.parse(Buffer.from(bytes).toString()) as unknown
    } catch (cause) {
      throw wireError('protocol.malformed', { what, reason: 'it is not JSON' }, { cause })
    }
  },
  encode: (value) => Buffer.from(JSON.stringify(value)),
}
const PEER: DuplexPeer = {
  transport: 'unix',
  peerId: undefined,
  address: 'test',
  member: undefined,
  session: undefined,
}

function scene(overrides: Partial<Handlers<typeof tea>> = {}, refuse?: (ask: Ask) => Error | void) {
  const steps: string[] = []
  const timers: (() => void)[] = []
  const clock = {
    ...systemClock,
    after: (_ms: number, run: () => void) => {
      timers.push(run)
      return () => void timers.splice(timers.indexOf(run), 1)
    },
  }
  const handlers: Handlers<typeof tea> = {
    brew: async ({ text }, { progress }) => {
      steps.push('run')
      await progress({ text: 'hot' })
      return { text: `${text} tea` }
    },
    pour: async (_request, { upload }) => {
      const parts: string[] = []
      for await (const part of upload) parts.push(Buffer.from(part).toString())
      return { text: parts.join('+') }
    },
    drink: async (_request, { send }) => {
      await send(Buffer.from('sip'))
      return { text: 'gone' }
    },
    touch: {
      targets: async ({ text }) => {
        steps.push('targets')
        return [{ namespace: `run/${text}` }]
      },
      run: async ({ text }) => ({ text }),
    },
    ...overrides,
  }
  const policy = {
    allow: async (_capability: Capability, _peer: DuplexPeer, ask: Ask) => {
      steps.push(ask.targets === undefined ? 'authorise' : 'authorise targets')
      const error = refuse?.(ask)
      if (error !== undefined) throw error
      return { kind: 'local', name: 'tester' } as const
    },
  }
  const codec: Codec = {
    ...JSON_CODEC,
    decode: (bytes, what) => {
      steps.push('parse')
      return JSON_CODEC.decode(bytes, what)
    },
  }
  const service = createService(tea, handlers, { policy, clock, log: recordedLog() })
  const call = async (name: string, body: string, control = new AbortController()) => {
    const sent: string[] = []
    const note =
      (kind: string) =>
      async (bytes: Uint8Array): Promise<void> =>
        void sent.push(`${kind} ${Buffer.from(bytes).toString()}`)
    const line: CallerLine = {
      codec,
      call: control,
      upload: (async function* () {
        yield Buffer.from('a')
        yield Buffer.from('b')
      })(),
      began: () => void steps.push('began'),
      progress: note('progress'),
      data: note('data'),
      respond: note('response'),
      refuse: async (error: MusterError) => void sent.push(`error ${error.code}`),
    }
    const ended: Ended = await invoke(
      service,
      { method: name, body: Buffer.from(body), peer: PEER },
      line,
    )
    return [ended, ...sent]
  }
  return { call, steps, timers }
}

test('invoke: authorises, parses, runs and encodes without a stream', async () => {
  const { call, steps } = scene()
  assert.deepEqual(await call('brew', '{"text":"green"}'), [
    'answered',
    'progress {"text":"hot"}',
    'response {"text":"green tea"}',
  ])
  assert.deepEqual(steps, ['authorise', 'parse', 'began', 'run'])
  assert.deepEqual(await call('pour', '{}'), ['answered', 'response {"text":"a+b"}'])
  assert.deepEqual(await call('drink', '{}'), ['answered', 'data sip', 'response {"text":"gone"}'])
})

test('invoke: asks the policy for the targets once the body is parsed', async () => {
  const allowed = scene()
  assert.deepEqual(await allowed.call('touch', '{"text":"x"}'), [
    'answered',
    'response {"text":"x"}',
  ])
  const order = ['authorise', 'parse', 'targets', 'authorise targets']
  assert.deepEqual(allowed.steps, [...order, 'began'])
  const denied = wireError('protocol.denied', { method: 'touch', needs: 'a right' })
  const late = scene({}, ({ targets }) => (targets === undefined ? undefined : denied))
  assert.deepEqual(await late.call('touch', '{"text":"x"}'), ['refused', 'error protocol.denied'])
  assert.deepEqual(late.steps, order)
  const early = scene({}, () => denied)
  assert.deepEqual(await early.call('touch', 'no JSON'), ['refused', 'error protocol.denied'])
  assert.deepEqual(early.steps, ['authorise'], 'the body is not decoded')
})

test('invoke: refuses unknown methods, invalid bodies, and calls above the quota', async () => {
  const { call, steps } = scene()
  assert.deepEqual(await call('toString', '{}'), ['refused', 'error protocol.unsupported'])
  assert.deepEqual(await call('brew', ' '.repeat(201)), ['refused', 'error protocol.too-large'])
  assert.deepEqual(steps, [])
  assert.deepEqual(await call('brew', '{"text":1}'), ['refused', 'error protocol.malformed'])
  assert.deepEqual(await call('brew', '{'), ['refused', 'error protocol.malformed'])
  await call('brew', '{"text":"x"}')
  assert.deepEqual(await call('brew', '{"text":"x"}'), ['refused', 'error protocol.busy'])
})

test('invoke: reports a fault of a handler without its details', async () => {
  const broken = scene({ brew: () => Promise.reject(new TypeError('secret')) })
  assert.deepEqual(await broken.call('brew', '{"text":"x"}'), [
    'refused',
    'error protocol.internal',
  ])
  const long = scene({ brew: async () => ({ text: 'x'.repeat(300) }) })
  assert.deepEqual(await long.call('brew', '{"text":"x"}'), ['refused', 'error protocol.internal'])
})

test('invoke: reports a handler as stuck if it ignores that its caller left', async () => {
  const started = Promise.withResolvers<void>()
  const { call, timers } = scene({
    brew: () => {
      started.resolve()
      return new Promise(() => undefined)
    },
  })
  const control = new AbortController()
  const calling = call('brew', '{"text":"x"}', control)
  await started.promise
  control.abort(wireError('protocol.closed', { what: 'the caller' }))
  // The last timer is the grace period of the handler. The first one is the limit of the call.
  timers.at(-1)?.()
  assert.deepEqual(await calling, ['stuck', 'error protocol.closed'])
})

test('invoke: a call that takes longer than its limit is refused with a timeout', async () => {
  const { call, timers } = scene({
    brew: (_request, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('left')))
        timers[0]?.()
      }),
  })
  assert.deepEqual(await call('brew', '{"text":"x"}'), ['refused', 'error protocol.timeout'])
})
