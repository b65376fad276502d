/** Prints the loaded configuration. Secrets in fields and in URLs are masked. */
import { MASK } from '../../../shared/redact.ts'
import type { CommandContext } from '../../program/handler.ts'

const SECRET_KEYS = new Set(['password'])

export async function handle(context: CommandContext): Promise<void> {
  const { unsupported: _, ...config } = await context.config()
  const masked = mask(config, context.redactor.text)
  if (context.globals.output === 'name') return context.stdout.write(`${config.files[0]}\n`)
  const { formatOne } = await import('../../terminal/output.ts')
  const format = context.globals.output === 'json' ? 'json' : 'yaml'
  await context.stdout.write(await formatOne(format, { value: masked, fields: [], name: '' }))
}

function mask(value: unknown, text: (text: string) => string): unknown {
  if (typeof value === 'string') return text(value)
  if (Array.isArray(value)) return value.map((item) => mask(item, text))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      SECRET_KEYS.has(key) ? MASK : mask(item, text),
    ]),
  )
}
