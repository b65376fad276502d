import assert from 'node:assert/strict'
import { test } from 'node:test'
import { versionsOf } from '../packages/managers.ts'
import { versionCondition } from './version-condition.ts'

const installedBy = (manager: string, version: string) => ({
  manager,
  ...versionsOf(manager).parse(version),
})

test('version condition: each manager has its own order, and its own meaning of no release', () => {
  const holds: [manager: string, condition: string, installed: string, holds: boolean][] = [
    ['rpm', '= 1.5', '1.5-1.el9', true],
    ['rpm', '<= 1.5', '1.5-1.el9', true],
    ['rpm', '>= 1.5', '1.5-1.el9', true],
    ['rpm', '> 1.5', '1.5-1.el9', false],
    ['rpm', '< 1.5', '1.5-1.el9', false],
    ['rpm', '< 1.5', '1.5~rc1-1.el9', true],
    ['rpm', '= 1.5-1.el9', '1.5-1.el9', true],
    ['rpm', '= 1.5', '1:1.5-1.el9', false],
    ['rpm', '> 1.5', '1:1.0-1.el9', true],
    ['rpm', '= 1:1.5', '1:1.5-1.el9', true],
    ['dpkg', '= 1.5', '1.5-1', false],
    ['dpkg', '> 1.5', '1.5-1', true],
    ['dpkg', '= 1.5', '1.5-0', true],
    ['dpkg', '= 1.5', '0:1.5', true],
    ['dpkg', '> 1.5', '1:1.0-1', true],
    ['dpkg', '< 1.18.0-6+deb11u3', '1.18.0-6ubuntu14.4', true],
    ['rpm', '< 1.18.0-6+deb11u3', '1.18.0-6ubuntu14.4', false],
    ['portage', '= 1.5', '1.5-r1', false],
    ['portage', '> 1.5', '1.5-r1', true],
  ]
  for (const [manager, condition, installed, expected] of holds)
    assert.equal(
      versionCondition(condition)?.(installedBy(manager, installed)),
      expected,
      `${manager}: ${installed} ${condition}`,
    )
})

test('version condition: each operator, with blanks or without, epoch and release', () => {
  const holds: [condition: string, installed: string, holds: boolean][] = [
    ['3.0-1', '3.0-1', true],
    ['= 3.0-1', '3.0-2', false],
    ['==3.0-1', '3.0-1', true],
    ['< 3.0.7-25.el9', '3.0.7-24.el9', true],
    ['<3.0', '3.0-1', false],
    ['<= 3.0-1', '3.0-1', true],
    ['>= 1:2.0', '3.0-1', false],
    [' > 2.0~rc1 ', '2.0-1', true],
    ['> 1.0^git1', '1.0^git2-1', true],
    ['= fd431d51-4ae0493b', 'fd431d51-4ae0493b', true],
    ['< 1_2+b1', '1-1', true],
  ]
  for (const [condition, installed, expected] of holds)
    assert.equal(
      versionCondition(condition)?.(installedBy('rpm', installed)),
      expected,
      `${installed} ${condition}`,
    )
})

test('version condition: an invalid text is not a condition', () => {
  const mistakes = [
    'banana',
    '< banana',
    '',
    ' ',
    '<',
    '>= ',
    '=> 3',
    '=<3',
    '<< 3',
    '>> 3',
    '<> 3',
    '!= 3',
    '~> 3',
    '3 4',
    '< 3 > 1',
    'banana:1',
    '1:banana',
    '1:2:3',
    '99999999999:1',
    '3;4',
    '*',
    '3.*',
    '-',
    '~',
    '$(id)1',
    '3\u001b[0m',
  ]
  for (const text of mistakes) assert.equal(versionCondition(text), undefined, JSON.stringify(text))
})
