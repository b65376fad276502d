/**
 * Gossip among the members of a fleet, over gossipsub. Messages are signed with the author's node
 * key, checked before they are forwarded, and limited in size. A message may be lost. Its receiver
 * checks the content.
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
  /** The peer id of the author. gossipsub has checked the author's signature. */
  readonly author: string
  /** The peer that sent or forwarded the message. */
  readonly from: string
  readonly bytes: Uint8Array
}

/**
 * `accept`: forward the message. `ignore`: the message is old or can't be checked now. `reject`:
 * the message is invalid, which lowers the score of its sender.
 */
export type Verdict = 'accept' | 'ignore' | 'reject'

export type GossipHandler = (message: GossipMessage) => Promise<Verdict> | Verdict

export interface Gossip {
  /**
   * Sends to all members that listen. Also resolves if there are no connections.
   * @throws protocol.too-large above 64 KiB
   */
  publish(topic: Topic, bytes: Uint8Array): Promise<void>
  /**
   * Sets the only handler of a topic. If the handler throws or takes longer than five seconds, the
   * message is ignored. If there is no handler, no message of the topic is forwarded.
   */
  on(topic: Topic, handler: GossipHandler): () => void
  /** Returns the connected members that listen to the topic. */
  listeners(topic: Topic): string[]
  /**
   * Returns the listeners with which this node exchanges all messages. Others request the messages
   * that they lack.
   */
  mesh(topic: Topic): string[]
}

const LATE = Symbol('late')
const VERDICTS = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
} as const

/** Methods that the class of @libp2p/gossipsub has, but not its interface. */
type Service = GossipSub & {
  reportMessageValidationResult(id: string, from: string, verdict: TopicValidatorResult): void
  getMeshPeers(topic: string): string[]
}

export function topicName(fleet: FleetId, topic: Topic): string {
  return `muster/${fleet}/${topic}`
}

/** The parameters of a peer's score in a topic (gossipsub v1.1, "peer scoring"). */
const TOPIC_SCORE = {
  topicWeight: 1,
  timeInMeshWeight: 0.01,
  timeInMeshQuantum: 1_000,
  timeInMeshCap: 300,
  firstMessageDeliveriesWeight: 0.1,
  firstMessageDeliveriesDecay: 0.9,
  firstMessageDeliveriesCap: 50,
  // The topics can be quiet for hours, so a peer that delivers no message isn't faulty.
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 100,
  meshMessageDeliveriesThreshold: 20,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 5_000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  // The number is squared: one rejected message is forgiven (-10), three at once are below the
  // graylist threshold (-80).
  invalidMessageDeliveriesWeight: -10,
  invalidMessageDeliveriesDecay: 0.9,
}

/** Creates the service for libp2p's `services`. docs/PROTOCOLS.md explains the options. */
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
        // All hosts of a fleet may share one address. By default, gossipsub ignores more than ten
        // peers of one address.
        IPColocationFactorWeight: 0,
        // A busy host breaks a few promises to send a message. A hostile host breaks many.
        behaviourPenaltyThreshold: 6,
        behaviourPenaltyWeight: -10,
        topics: Object.fromEntries(topics.map((topic) => [topic, TOPIC_SCORE])),
      },
    })({
      // libp2p's components are a proxy, which the spread syntax can't copy.
      privateKey: components.privateKey,
      peerId: components.peerId,
      peerStore: components.peerStore,
      connectionManager: components.connectionManager,
      logger: components.logger,
      registrar: memberRegistrar(deps, components.registrar),
    })
}

/**
 * Creates the gossip of a node. Call `begin` after the service has started. It subscribes to the
 * topics with handlers.
 */
export function createGossip(
  deps: { clock: Clock; log: Logger },
  service: GossipSub,
  fleet: FleetId,
): Gossip & { begin(): void } {
  const pubsub = requireService(service)
  const handlers = new Map<string, GossipHandler>()
  const validate = createValidator(deps, handlers)
  let started = false
  pubsub.addEventListener('gossipsub:message', ({ detail }) => {
    void validate(detail).then((verdict) => {
      const { msgId, propagationSource } = detail
      pubsub.reportMessageValidationResult(msgId, propagationSource.toString(), VERDICTS[verdict])
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

function requireService(service: GossipSub): Service {
  if ('reportMessageValidationResult' in service && 'getMeshPeers' in service)
    return service as Service
  throw new TypeError('this version of @libp2p/gossipsub lacks the methods for validation')
}

/** Calls the handler of a message's topic, with limits on size, time and concurrency. */
function createValidator(
  deps: { clock: Clock; log: Logger },
  handlers: ReadonlyMap<string, GossipHandler>,
): (event: GossipsubMessage) => Promise<Verdict> {
  let running = 0
  return async ({ msg, propagationSource }) => {
    const handler = handlers.get(msg.topic)
    if (handler === undefined || msg.type !== 'signed' || running >= GOSSIP_VALIDATIONS)
      return 'ignore'
    if (msg.data.length > GOSSIP_MESSAGE_BYTES) return 'reject'
    running += 1
    const author = msg.from.toString()
    const late = createInterrupt()
    const cancel = deps.clock.after(GOSSIP_VALIDATION_MS, () => late.end(LATE))
    try {
      const message = { author, from: propagationSource.toString(), bytes: msg.data }
      return await late.wait(Promise.resolve(handler(message)))
    } catch (error) {
      if (error !== LATE)
        deps.log.warn({ topic: msg.topic, author, error }, 'gossip handler failed')
      return 'ignore'
    } finally {
      cancel()
      running -= 1
    }
  }
}
