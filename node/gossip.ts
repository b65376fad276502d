/**
 * News among the members of a fleet, over gossipsub: signed by the author's node key, validated
 * before it is passed on, bounded everywhere. Gossip carries news, never truth: a message may be
 * lost, and what it says is checked by whoever acts on it.
 */
import {
  type GossipSub,
  type GossipSubComponents,
  type GossipsubMessage,
  TopicValidatorResult,
  gossipsub,
} from '@libp2p/gossipsub'
import type { Registrar } from '@libp2p/interface-internal'
import type { Clock } from '../shared/clock.ts'
import type { FleetId } from '../shared/ids.ts'
import { createInterrupt } from '../shared/interrupt.ts'
import type { Logger } from '../shared/logger.ts'
import { wireError } from '../protocols/wire/errors.ts'
import {
  GOSSIP_FRAME_BYTES,
  GOSSIP_MESSAGE_BYTES,
  GOSSIP_OUTBOX_BYTES,
  GOSSIP_VALIDATIONS,
  GOSSIP_VALIDATION_MS,
} from './libp2p/limits.ts'
import { memberRegistrar } from './membership/member-registrar.ts'
import type { Membership } from './membership/membership.ts'

export const TOPICS = ['facts', 'audit', 'policy'] as const
export type Topic = (typeof TOPICS)[number]

export interface GossipMessage {
  /** The peer id of the author, whose signature gossipsub has checked. */
  readonly author: string
  /** The peer that passed it on. */
  readonly from: string
  readonly bytes: Uint8Array
}

/**
 * `accept`: pass it on. `ignore`: it is not news or can't be judged now. `reject`: it is wrong, and
 * so is who passed it on.
 */
export type Verdict = 'accept' | 'ignore' | 'reject'

export interface Gossip {
  /**
   * Sends to all members that listen. Throws protocol.too-large above 64 KiB; resolves though
   * nobody is connected.
   */
  publish(topic: Topic, bytes: Uint8Array): Promise<void>
  /**
   * Judges and takes the messages of a topic; one handler a topic. A handler that throws or takes
   * longer than five seconds ignores. Nothing is passed on for a topic without a handler.
   */
  on(topic: Topic, handler: (message: GossipMessage) => Promise<Verdict> | Verdict): () => void
  /** The connected members that listen to the topic. */
  listeners(topic: Topic): string[]
  /**
   * Those of them that pass on everything to us and from us; the others are told what there is and
   * ask for it.
   */
  mesh(topic: Topic): string[]
}

const LATE = Symbol('late')
const VERDICTS = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
} as const

/**
 * What the service needs beyond the interface that @libp2p/gossipsub exports: these two are public
 * on its class.
 */
type Service = GossipSub & {
  reportMessageValidationResult(id: string, from: string, verdict: TopicValidatorResult): void
  getMeshPeers(topic: string): string[]
}

export function topicName(fleet: FleetId, topic: Topic): string {
  return `muster/${fleet}/${topic}`
}

/**
 * How a peer's conduct in a topic counts; the rules are those of gossipsub v1.1, "peer scoring".
 */
const TOPIC_SCORE = {
  topicWeight: 1,
  timeInMeshWeight: 0.01,
  timeInMeshQuantum: 1_000,
  timeInMeshCap: 300,
  firstMessageDeliveriesWeight: 0.1,
  firstMessageDeliveriesDecay: 0.9,
  firstMessageDeliveriesCap: 50,
  // The topics are quiet for hours: who delivers nothing does nothing wrong.
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 100,
  meshMessageDeliveriesThreshold: 20,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 5_000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  // Counts squared: one rejected message is forgiven (-10), three at once put the peer beyond the
  // graylist (-80).
  invalidMessageDeliveriesWeight: -10,
  invalidMessageDeliveriesDecay: 0.9,
}

/** The service for libp2p's `services`. Every option is set on purpose; see docs/PROTOCOLS.md. */
export function gossipService(deps: { clock: Clock; membership: Membership }, fleet: FleetId) {
  const topics = TOPICS.map((topic) => topicName(fleet, topic))
  return (
    components: Omit<GossipSubComponents, 'registrar'> & { registrar: Registrar },
  ): GossipSub =>
    gossipsub({
      globalSignaturePolicy: 'StrictSign',
      asyncValidation: true,
      allowedTopics: topics,
      fallbackToFloodsub: false,
      doPX: false,
      emitSelf: false,
      allowPublishToZeroTopicPeers: true,
      ignoreDuplicatePublishError: true,
      tagMeshPeers: false,
      maxInboundStreams: 2,
      maxOutboundStreams: 2,
      maxInboundDataLength: GOSSIP_FRAME_BYTES,
      maxOutboundBufferSize: GOSSIP_OUTBOX_BYTES,
      decodeRpcLimits: {
        maxSubscriptions: 16,
        maxMessages: 64,
        maxIhaveMessageIDs: 512,
        maxIwantMessageIDs: 512,
        maxIdontwantMessageIDs: 512,
        maxControlMessages: 64,
        maxPeerInfos: 0,
      },
      scoreParams: {
        // Fleets sit behind one address; the default silently drops all gossip between more than
        // ten such peers.
        IPColocationFactorWeight: 0,
        // A busy host breaks a promise now and then; a hostile one many.
        behaviourPenaltyThreshold: 6,
        behaviourPenaltyWeight: -10,
        topics: Object.fromEntries(topics.map((topic) => [topic, TOPIC_SCORE])),
      },
    })({
      // One by one: libp2p's components are a proxy that can't be spread.
      privateKey: components.privateKey,
      peerId: components.peerId,
      peerStore: components.peerStore,
      connectionManager: components.connectionManager,
      logger: components.logger,
      registrar: memberRegistrar(deps, components.registrar),
    })
}

/**
 * `begin` is called once the service has started: what was handled before that is subscribed then.
 */
export function createGossip(
  deps: { clock: Clock; log: Logger },
  service: GossipSub,
  fleet: FleetId,
): Gossip & { begin(): void } {
  const pubsub = service as Service
  const handlers = new Map<string, (message: GossipMessage) => Promise<Verdict> | Verdict>()
  let underWay = 0
  let started = false

  const judge = async (event: GossipsubMessage): Promise<Verdict> => {
    const { msg } = event
    const handler = handlers.get(msg.topic)
    if (handler === undefined || msg.type !== 'signed' || underWay >= GOSSIP_VALIDATIONS)
      return 'ignore'
    if (msg.data.length > GOSSIP_MESSAGE_BYTES) return 'reject'
    underWay += 1
    const late = createInterrupt()
    const cancel = deps.clock.after(GOSSIP_VALIDATION_MS, () => late.end(LATE))
    try {
      const message = {
        author: msg.from.toString(),
        from: event.propagationSource.toString(),
        bytes: msg.data,
      }
      return await late.wait(Promise.resolve(handler(message)))
    } catch (error) {
      if (error === LATE) return 'ignore'
      deps.log.warn(
        { topic: msg.topic, author: msg.from.toString(), error },
        'gossip handler failed',
      )
      return 'ignore'
    } finally {
      cancel()
      underWay -= 1
    }
  }
  pubsub.addEventListener('gossipsub:message', ({ detail }) => {
    void judge(detail).then((verdict) => {
      pubsub.reportMessageValidationResult(
        detail.msgId,
        detail.propagationSource.toString(),
        VERDICTS[verdict],
      )
    })
  })
  return {
    publish: async (topic, bytes) => {
      if (bytes.length > GOSSIP_MESSAGE_BYTES) {
        throw wireError('protocol.too-large', {
          what: `gossip about ${topic}`,
          bytes: bytes.length,
          limit: GOSSIP_MESSAGE_BYTES,
        })
      }
      await pubsub.publish(topicName(fleet, topic), bytes)
    },
    on: (topic, handler) => {
      const name = topicName(fleet, topic)
      if (handlers.has(name)) throw new TypeError(`gossip about ${topic} has a handler already`)
      handlers.set(name, handler)
      if (started) pubsub.subscribe(name)
      return () => {
        handlers.delete(name)
        if (started) pubsub.unsubscribe(name)
      }
    },
    begin: () => {
      started = true
      for (const name of handlers.keys()) pubsub.subscribe(name)
    },
    listeners: (topic) => pubsub.getSubscribers(topicName(fleet, topic)).map(String),
    mesh: (topic) => pubsub.getMeshPeers(topicName(fleet, topic)),
  }
}
