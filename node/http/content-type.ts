/**
 * Media types of repository files. All other files are plain bytes, so that a browser runs nothing
 * from a repository.
 */
const BY_ENDING: readonly [RegExp, string][] = [
  [/\.rpm$/, 'application/x-rpm'],
  [/\.xml$/, 'text/xml; charset=utf-8'],
  [/\.gz$/, 'application/gzip'],
  [/\.xz$/, 'application/x-xz'],
  [/\.zst$/, 'application/zstd'],
  [/\.bz2$/, 'application/x-bzip2'],
  [/\.asc$/, 'application/pgp-signature'],
  [/\.(key|txt|repo)$|(^|\/)RPM-GPG-KEY-[^/]*$/, 'text/plain; charset=utf-8'],
  [/\.ya?ml$/, 'text/plain; charset=utf-8'],
]

export function contentType(name: string): string {
  return BY_ENDING.find(([ending]) => ending.test(name))?.[1] ?? 'application/octet-stream'
}
