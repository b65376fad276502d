/** The topics of `muster help`. Only the names, so that the first help page loads no text. */
export const TOPIC_NAMES = ['config', 'environment', 'exit-codes', 'output'] as const
export type TopicName = (typeof TOPIC_NAMES)[number]
