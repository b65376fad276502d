/**
 * Checks that the engine of repositories contains no word of a format, so that a second format
 * needs no change there.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sources } from '../../tools/sources.ts'
import { assertNone } from './findings.ts'

/** The words of RPM repositories, and of the programs that read and write them. */
const WORDS =
  /rpm|repomd|repodata|primary|filelists|nevra|\bevr\b|[a-z]Evr\b|updateinfo|modulemd|\bmodules\b|pkgid|createrepo(?!sitor)|\bdnf\b|\byum\b|\bzypper\b/i

/**
 * The engine is in these folders, and in formats/ itself. The folders of the formats may use any word.
 */
const ENGINE = [
  'coordinator/http/',
  'coordinator/repositories/content/',
  'coordinator/repositories/decompress/',
  'coordinator/repositories/model/',
  'coordinator/repositories/publish/',
  'coordinator/repositories/retention/',
  'coordinator/repositories/snapshots/',
  'coordinator/repositories/sync/',
  'coordinator/repositories/upstream/',
  'coordinator/repositories/versions/',
]
const BETWEEN = /^coordinator\/repositories\/(formats\/)?[^/]+\.ts$/

function isEngine(path: string): boolean {
  return BETWEEN.test(path) || ENGINE.some((folder) => path.startsWith(folder))
}

function wordsIn({ path, text }: { path: string; text: string }): string[] {
  return text.split('\n').flatMap((line, index) => {
    const word = WORDS.exec(line)
    return word === null ? [] : [`${path}:${index + 1}: ${word[0]}`]
  })
}

test('policy: the engine of repositories contains no word of a format', () => {
  // Tests run the engine with real repositories.
  const files = sources().filter(({ path, isTest }) => isEngine(path) && !isTest)
  assert.ok(files.length > 50, `${files.length} files`)
  assertNone(
    files.flatMap(wordsIn),
    'let the format do it (formats/format.ts), or use a neutral word',
  )
})

test('policy: the rule about words of a format finds each of them', () => {
  for (const text of ["type === 'primary'", 'readRepomd(bytes)', '/** As dnf does. */', 'nevra(x)'])
    assert.equal(wordsIn({ path: 'x.ts', text }).length, 1, text)
  assert.ok(isEngine('coordinator/repositories/formats/format.ts'))
  assert.ok(!isEngine('coordinator/repositories/formats/rpm/format.ts'))
})
