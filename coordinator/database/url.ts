/** Parses database addresses, and returns the form for operators, which contains no password. */
import { isAbsolute } from 'node:path'
import { databaseError } from './errors.ts'

export type DatabaseAddress =
  | { readonly dialect: 'sqlite'; readonly path: string; readonly shown: string }
  | { readonly dialect: 'postgresql'; readonly url: string; readonly shown: string }

/**
 * Parses `sqlite:///absolute/path` or `postgresql://…` (any libpq URL; `postgres://` is the same).
 * @throws database.url
 */
export function parseDatabaseUrl(url: string): DatabaseAddress {
  if (url.startsWith('sqlite:')) {
    const path = decoded(url.replace(/^sqlite:(\/\/)?/, ''), url)
    if (!isAbsolute(path))
      throw databaseError('database.url', {
        got: url,
        reason: 'the path of the file is not absolute',
      })
    if (path.includes('\0'))
      throw databaseError('database.url', {
        got: JSON.stringify(url),
        reason: 'the path holds a zero byte',
      })
    return { dialect: 'sqlite', path, shown: path }
  }
  if (/^postgres(ql)?:\/\//.test(url))
    return { dialect: 'postgresql', url, shown: withoutPassword(url) }
  throw databaseError('database.url', {
    got: withoutPassword(url),
    reason: 'it is neither sqlite: nor postgresql:',
  })
}

function decoded(path: string, url: string): string {
  try {
    return decodeURIComponent(path)
  } catch (cause) {
    throw databaseError(
      'database.url',
      { got: url, reason: 'a percent sign is not followed by two hex digits' },
      { cause },
    )
  }
}

/** Replaces every password in an address, even if the address isn't a valid URL. */
function withoutPassword(url: string): string {
  return url
    .replace(/(:\/\/[^:@/?]*):[^@]*@/, '$1:…@')
    .replace(/([?&](?:password|sslpassword)=)[^&]*/gi, '$1…')
}
