/** Finds a node's home folder and configuration file. */
import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { configError } from './errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

const SYSTEM_HOME = '/var/lib/muster'
const SYSTEM_CONFIG = '/etc/muster/config.yaml'

/**
 * Returns the absolute path of the home: --home, else MUSTER_HOME. The default is /var/lib/muster
 * for root and ~/.local/share/muster for other users.
 */
export function resolveHome(options: {
  flag?: string | undefined
  env: Environment
  uid: number
}): string {
  const named = options.flag ?? nonEmpty(options.env.MUSTER_HOME)
  if (named !== undefined) return resolve(named)
  return options.uid === 0
    ? SYSTEM_HOME
    : join(options.env.HOME ?? homedir(), '.local', 'share', 'muster')
}

/**
 * Finds the configuration file: --config, else MUSTER_CONFIG, else `<home>/config.yaml`, else
 * /etc/muster/config.yaml. A file from --config or MUSTER_CONFIG is returned even if it doesn't
 * exist. Otherwise the first existing file is returned.
 * @throws config.not-found
 */
export async function findConfigFile(options: {
  flag?: string | undefined
  env: Environment
  home: string
}): Promise<string> {
  const named = options.flag ?? nonEmpty(options.env.MUSTER_CONFIG)
  if (named !== undefined) return resolve(named)
  const candidates = [join(options.home, 'config.yaml'), SYSTEM_CONFIG]
  for (const file of candidates) {
    const exists = await access(file).then(
      () => true,
      // A file that can't be accessed is not skipped. Reading it reports the error.
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
    )
    if (exists) return file
  }
  throw configError('config.not-found', { files: candidates })
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
