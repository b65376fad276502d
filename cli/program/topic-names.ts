/**
 * Lists the topics of `muster help`. It has only the names, so that the first help page loads no
 * texts.
 */
export const TOPIC_NAMES = ['config', 'environment', 'exit-codes', 'output'] as const
export type TopicName = (typeof TOPIC_NAMES)[number]
