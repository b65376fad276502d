/** The completion scripts. Each asks `muster __complete` with the words so far, so they need no change when commands do. */
import type { CommandContext } from '../../context.ts'

const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# bash completion of muster
_muster() {
  local IFS=$'\\n'
  COMPREPLY=($(muster __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -o nosort -F _muster muster
`,
  zsh: `#compdef muster
# zsh completion of muster
_muster() {
  local -a found
  found=("\${(@f)$(muster __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${#found} )) && [[ -n "$found[1]" ]]; then compadd -- "\${found[@]}"; else _files; fi
}
compdef _muster muster
`,
  fish: `# fish completion of muster
complete -c muster -a '(muster __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
}

export async function handle(context: CommandContext<unknown, { shell: string }>): Promise<void> {
  await context.stdout.write(SCRIPTS[context.args.shell] as string)
}
