/**
 * Lists planned commands that don't exist yet. Each names a command to use instead. A test checks
 * that none of them exists.
 */
export const PLANNED_COMMANDS: ReadonlyMap<string, string> = new Map([
  ['artifact', 'use `muster blob add` and `muster blob get` to copy single files'],
  ['deploy', 'run a command on the hosts: `muster run --on role=web -- dnf -y install NAME`'],
  ['gc', 'the pool is never cleaned up; `muster doctor` shows the free space'],
  ['db', '`muster coordinator run` migrates the database at start; see docs/RECOVERY.md'],
  ['drift', 'run `muster package find NAME --version COND` to compare the versions on all hosts'],
  ['advisories', 'run `muster snapshot diff` to list the advisories between two snapshots'],
  [
    'observe',
    'run `muster audit log --follow` for new entries, `muster audit verify` to check them',
  ],
  ['repo upload', 'put the packages into a repository on a web server, and mirror that repository'],
  ['snapshot copy', 'run `muster snapshot create` to keep the present state of a repository'],
  ['snapshot merge', 'run `muster snapshot create` to keep the present state of a repository'],
])
