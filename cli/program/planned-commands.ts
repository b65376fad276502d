/**
 * Commands of Muster's design that this version does not have: whoever has read of one is told so,
 * and what serves in its place, instead of that it was never heard of. A line goes when its command
 * comes; a test looks that no command is in both places.
 */
export const PLANNED_COMMANDS: Readonly<Record<string, string>> = {
  artifact: 'muster blob add and muster blob get move single files',
  deploy:
    'muster run fetches and installs on hosts: muster run --on role=web -- dnf -y install NAME',
  gc: 'nothing is removed from the store yet; muster doctor says how much room there is',
  db: 'muster coordinator run migrates the database when it starts; docs/RECOVERY.md has the rest',
  drift: 'muster package find NAME --version COND shows which hosts have which version',
  advisories: 'muster snapshot diff names the advisories between two snapshots',
  observe: 'muster audit log --follow shows entries as they come, muster audit verify checks them',
  'repo upload': 'put the packages into a repository on a web server, and mirror that',
  'snapshot copy': 'muster snapshot create keeps the present state of a repository',
  'snapshot merge': 'muster snapshot create keeps the present state of a repository',
}
