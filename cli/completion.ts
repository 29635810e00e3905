/** `nightshift completion`: what may come next on a command line, and the scripts by which shells ask for it. */
import type { Command, Option } from 'commander';
import { exitCodes, printJson, printLine } from './cli.ts';
import type { Cli, ExitCode } from './cli.ts';
import { connect } from './connect.ts';

/** Each asks with the words so far, of which the last is being typed; where nothing is offered, files are. */
const scripts = {
  // A candidate is data: compgen -W would run what it holds. And bash takes a colon for a word's end.
  bash: `_nightshift() {
  local -a words
  local line="\${COMP_LINE:0:COMP_POINT}" one
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  local typed="\${words[-1]}" before=
  [[ $COMP_WORDBREAKS == *:* ]] && before="\${typed%"\${typed##*:}"}"
  COMPREPLY=()
  while IFS= read -r one; do
    [[ $one == "$typed"* ]] && COMPREPLY+=("$(printf %q "\${one#"$before"}")")
  done < <(nightshift complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _nightshift nightshift`,
  zsh: `_nightshift() {
  local -a found
  found=(\${(f)"$(nightshift complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( $#found )); then compadd -a found; else _files; fi
}
compdef _nightshift nightshift`,
  fish: `function __nightshift
  set -l words (commandline -opc)
  set -l found (nightshift complete -- $words[2..] (commandline -ct) 2>/dev/null)
  if set -q found[1]
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c nightshift -f -a '(__nightshift)'`,
} as const;

export type Shell = keyof typeof scripts;

export function completion(
  { out }: Cli,
  shell: Shell,
  { json = false }: { readonly json?: boolean },
): ExitCode {
  if (json) printJson(out, { shell, script: scripts[shell] });
  else printLine(out, scripts[shell]);
  return exitCodes.ok;
}

/** What the scripts call: a candidate a line. */
export async function complete(
  { root, out }: Cli,
  program: Command,
  words: readonly string[],
  open: typeof connect = connect,
): Promise<ExitCode> {
  const names = await candidates(program, words, () => runNames(root, open));
  for (const name of names) printLine(out, name);
  return exitCodes.ok;
}

async function candidates(
  program: Command,
  words: readonly string[],
  runs: () => Promise<string[]>,
): Promise<readonly string[]> {
  const { command, operands, option } = wordsBefore(program, words.slice(0, -1));
  if (option) return option.argChoices ?? [];
  const help = command.createHelp();
  if (words.at(-1)?.startsWith('-')) {
    return help.visibleOptions(command).map(({ long }) => long!);
  }
  const argument = command.registeredArguments[operands];
  return [
    ...help.visibleCommands(command).map((one) => one.name()),
    ...(argument?.argChoices ?? []),
    ...(argument?.name() === 'run' ? await runs() : []),
  ];
}

/** The command that the words name, how many arguments it has by then, and the option whose value comes next. */
function wordsBefore(
  program: Command,
  words: readonly string[],
): { command: Command; operands: number; option: Option | undefined } {
  let command = program;
  let operands = 0;
  let option: Option | undefined;
  for (const word of words) {
    const named = command.commands.find((one) => one.name() === word);
    if (option) option = undefined;
    else if (word.startsWith('-')) option = command.options.find((one) => takes(one, word));
    else if (named) command = named;
    else operands += 1;
  }
  return { command, operands, option };
}

const takes = ({ short, long, required }: Option, word: string): boolean =>
  required && [short, long].includes(word);

const mostNames = 50;

/** None while no server answers: a shell waits for them. */
async function runNames(root: string, open: typeof connect): Promise<string[]> {
  try {
    const servers = await open(root);
    try {
      return (await servers.runs.list(mostNames)).map(({ id }) => id);
    } finally {
      await servers.close();
    }
  } catch {
    return [];
  }
}
