/** The commands, as their help shows them. Each loads its file when it is called, so that help is instant. */
import { Argument, InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { Cli, ExitCode } from './cli.ts';
import type { Shell } from './completion.ts';
import { addInputOptions, addSetOption, addSourceOption, parseSetting } from './input.ts';
import type { Setting } from './input.ts';
import type { DecisionOptions, PromoteOptions } from './promote.ts';
import type { ResumeOptions } from './resume.ts';
import { addScheduleCommands } from './schedule-commands.ts';
import type { StartOptions } from './start.ts';
import type { TrainOptions } from './train.ts';
import type { VerifyResumeOptions } from './verify-resume.ts';

interface JsonOption {
  readonly json?: boolean;
}

/** Adds a command that prints JSON when asked to, with its examples. */
type Add = (signature: string, description: string, ...examples: string[]) => Command;

/** Adds every command to the program; `end` takes the exit code of the one that ran. */
export function addCommands(program: Command, cli: Cli, end: (code: ExitCode) => void): void {
  const add: Add = (signature, description, ...examples) =>
    program
      .command(signature)
      .description(description)
      .option('--json', 'print JSON, for scripts')
      .addHelpText(
        'after',
        ['', 'Examples:', ...examples.map((example) => `  ${example}`)].join('\n'),
      );

  addInputOptions(
    add(
      'start',
      "run the pipeline on this clone's own servers and workers, or go on with the run that is unfinished",
      'npm start',
      'npm start -- --preset article',
      'npm start -- --source ./cifar-10-binary.tar.gz --set training.epochs=2',
      'npm start -- --new',
    ),
  )
    .option('--new', 'cancel the unfinished run and start another')
    .action(async (options: StartOptions) => {
      const { start } = await import('./start.ts');
      end(await start(cli, options));
    });

  add(
    'dev',
    "keep this clone's servers and workers up until Ctrl-C; runs can be started from the Temporal UI",
    'npm run dev',
  ).action(async (options: JsonOption) => {
    const { dev } = await import('./dev.ts');
    end(await dev(cli, options));
  });

  addInputOptions(
    add(
      'train',
      "start a run on the server that TEMPORAL_ADDRESS or temporal.toml names, else on this clone's own",
      'npx nightshift train --preset article --set training.epochs=3',
      'npx nightshift train --config night.yaml --set seed=7',
      'npx nightshift train --wait',
      'TEMPORAL_ADDRESS=temporal.example:7233 npx nightshift train --json',
    ),
  )
    .option('--wait', 'show the run until it has ended; the exit code says how')
    .action(async (options: TrainOptions) => {
      const { train } = await import('./train.ts');
      end(await train(cli, options));
    });

  add(
    'status [run]',
    'show how far a run is; without a name, the newest that goes on, else the newest of all',
    'npx nightshift status',
    'npx nightshift status quickstart-20261124-101500 --json',
  ).action(async (run: string | undefined, options: JsonOption) => {
    const { status } = await import('./status.ts');
    end(await status(cli, run, options));
  });

  add('list', 'list the runs, those that go on first', 'npx nightshift list --limit 5')
    .option('--limit <runs>', 'show at most so many', parseCount, 20)
    .action(async (options: JsonOption & { readonly limit: number }) => {
      const { list } = await import('./list.ts');
      end(await list(cli, options));
    });

  add(
    'watch [run]',
    'show a run live until it has ended; without a name, the newest that goes on, else the newest of all',
    'npx nightshift watch',
  ).action(async (run: string | undefined, options: JsonOption) => {
    const { watch } = await import('./watch.ts');
    end(await watch(cli, run, options));
  });

  addSteering(add, cli, end);
  addModels(add, cli, end);
  addScheduleCommands(program, cli, end);

  add(
    'doctor',
    'look at all that a run needs (versions, servers, bucket, GPU, disk, clock), and say how to mend what is wrong',
    'npx nightshift doctor',
    'TEMPORAL_ADDRESS=temporal.example:7233 npx nightshift doctor --json',
  ).action(async (options: JsonOption) => {
    const { doctor } = await import('./doctor.ts');
    end(await doctor(cli, options));
  });

  add(
    'completion',
    'print the script by which a shell completes commands, options and runs of `nightshift`',
    'npm link && echo "source <(nightshift completion bash)" >> ~/.bashrc',
    'nightshift completion zsh',
    'nightshift completion fish > ~/.config/fish/completions/nightshift.fish',
  )
    .addArgument(new Argument('<shell>', 'which shell').choices(shells))
    .action(async (shell: Shell, options: JsonOption) => {
      const { completion } = await import('./completion.ts');
      end(completion(cli, shell, options));
    });

  program
    .command('complete [words...]', { hidden: true })
    .action(async (words: readonly string[]) => {
      const { complete } = await import('./completion.ts');
      end(await complete(cli, program, words));
    });

  addSetOption(
    addSourceOption(
      add(
        'verify-resume',
        'prove that kills change nothing: train undisturbed and again under kills, and compare weights, losses and samples to the last bit',
        'npx nightshift verify-resume',
        'npx nightshift verify-resume --kills 5 --seed 7 --source ./cifar-10-binary.tar.gz',
      ),
    ),
  )
    .option('--kills <count>', `how many, at most ${mostKills}`, parseKills, 20)
    .option('--seed <seed>', 'another plan of kills', parseSeed, 0)
    .action(async (options: VerifyResumeOptions) => {
      const { verifyResume } = await import('./verify-resume.ts');
      end(await verifyResume(cli, options));
    });
}

/** The commands that stop a run, set it otherwise, ask of its state and take it up again. */
function addSteering(add: Add, cli: Cli, end: (code: ExitCode) => void): void {
  for (const [how, description] of [
    [
      'pause',
      'save the state of a run, free its GPU and wait; without a name, the newest that goes on',
    ],
    [
      'stop',
      'end the training of a run where it is, and finish it by its best state; without a name, the newest that goes on',
    ],
    ['cancel', 'end a run, its state saved first; without a name, the newest that goes on'],
  ] as const) {
    add(`${how} [run]`, description, `npx nightshift ${how}`).action(
      async (run: string | undefined, options: JsonOption) => {
        const { stopRun } = await import('./pause.ts');
        end(await stopRun(cli, how, run, options));
      },
    );
  }
  for (const [what, description] of [
    [
      'checkpoint',
      'store the state that the training of a run has reached; without a name, the newest that goes on',
    ],
    [
      'validate',
      'validate the state that the training of a run has reached, which decides nothing; without a name, the newest that goes on',
    ],
  ] as const) {
    add(`${what} [run]`, description, `npx nightshift ${what}`).action(
      async (run: string | undefined, options: JsonOption) => {
        const { askForState } = await import('./checkpoint.ts');
        end(await askForState(cli, what, run, options));
      },
    );
  }
  add(
    'retry [run]',
    'try the stage again that a run is held at (onFailure: hold), once what was wrong is mended; without a name, the newest that is held',
    'npx nightshift retry',
    'npx nightshift retry quickstart-20261124-101500',
  ).action(async (run: string | undefined, options: JsonOption) => {
    const { retry } = await import('./retry.ts');
    end(await retry(cli, run, options));
  });
  add(
    'set <run>',
    'give a run that trains another learning rate, or more epochs',
    'npx nightshift set quickstart-20261124-101500 learning-rate=0.0003',
    'npx nightshift set quickstart-20261124-101500 epochs=12',
  )
    .addArgument(
      new Argument('<key=value...>', 'learning-rate, or epochs in all').argParser(
        (text: string, before: readonly Setting[] | undefined) => [
          ...(before ?? []),
          parseSetting(text),
        ],
      ),
    )
    .action(async (run: string, settings: readonly Setting[], options: JsonOption) => {
      const { set } = await import('./set.ts');
      end(await set(cli, run, settings, options));
    });
  addSetOption(
    add(
      'resume [run]',
      'go on with a run that is paused, failed, cancelled or lost, from its last checkpoint, or fork it; without a name, the newest that is paused, else the newest of all',
      'npx nightshift resume',
      'npx nightshift resume quickstart-20261124-101500',
      'npx nightshift resume quickstart-20261124-101500 --set training.epochs=10',
      'npx nightshift resume quickstart-20261124-101500 --step 400 --set training.learningRate.initial=0.0003',
    ),
  )
    .option('--step <step>', 'from the state after this step', parseCount)
    .option('--wait', 'show the run until it has ended; the exit code says how')
    .action(async (run: string | undefined, options: ResumeOptions) => {
      const { resume } = await import('./resume.ts');
      end(await resume(cli, run, options));
    });
}

/** The commands on the registry of models. */
function addModels(add: Add, cli: Cli, end: (code: ExitCode) => void): void {
  add(
    'models [model]',
    'list the champions, or the history of one model',
    'npx nightshift models',
    'npx nightshift models pets --json',
  ).action(async (model: string | undefined, options: JsonOption) => {
    const { models } = await import('./models.ts');
    end(await models(cli, model, options));
  });

  add(
    'promote <run>',
    "make a run's best state the champion of a model; of a run that awaits approval, approve it",
    'npx nightshift promote nightly-2026-11-24T01:00:00Z --why "looks right"',
    'npx nightshift promote nightly-2026-11-24T01:00:00Z --reject --why "too few night shots"',
    'npx nightshift promote quickstart-20261124-101500 --model pets --why "a first one"',
  )
    .option('--model <name>', 'another model than the run is for; a new name makes a new one')
    .option('--reject', 'where it awaits approval, keep the champion there is')
    .option('--why <words>', 'what the history says of it')
    .action(async (run: string, options: PromoteOptions) => {
      const { promote } = await import('./promote.ts');
      end(await promote(cli, run, options));
    });

  add(
    'rollback <model>',
    'make an earlier version the champion again; without --to, the one that the present champion replaced',
    'npx nightshift rollback pets',
    'npx nightshift rollback pets --to 3fa85f64b9c2 --why "worse on night shots"',
  )
    .option('--to <version>', 'its digest, or the first 8 digits or more')
    .option('--why <words>', 'what the history says of it')
    .action(async (model: string, options: DecisionOptions & { readonly to?: string }) => {
      const { rollback } = await import('./promote.ts');
      end(await rollback(cli, model, options));
    });
}

const shells: readonly Shell[] = ['bash', 'zsh', 'fish'];

/** Each takes seconds: so many take a night. */
const mostKills = 1_000;

function parseKills(text: string): number {
  const kills = parseCount(text);
  if (kills <= mostKills) return kills;
  throw new InvalidArgumentError(`Expected at most ${mostKills}.`);
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (Number.isInteger(seed) && seed >= 0 && seed <= 0xffff_ffff) return seed;
  throw new InvalidArgumentError('Expected a whole number from 0 to 4294967295.');
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('Expected a whole number above 0.');
}
