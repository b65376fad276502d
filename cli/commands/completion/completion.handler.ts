/** The completion scripts. They call `muster __complete`, so new commands need no new script. */
import type { CommandContext } from '../../program/handler.ts'
import type { Args } from './completion.ts'

const SCRIPTS: Readonly<Record<Args['shell'], string>> = {
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
# If zsh loads this file from $fpath, the file itself is the function.
if [[ "$funcstack[1]" == _muster ]]; then _muster "$@"; fi
`,
  fish: `# fish completion of muster
function __muster_words
  muster __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null
end
# Complete files only if muster returns no words.
complete -c muster -n 'test (count (__muster_words)) -gt 0' -f
complete -c muster -a '(__muster_words)'
`,
}

export async function handle(context: CommandContext<unknown, Args>): Promise<void> {
  await context.stdout.write(SCRIPTS[context.args.shell])
}
