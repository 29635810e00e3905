/**
 * What resuming costs: kills at random moments until there are enough of them, each round compared
 * to the last bit with one undisturbed run; or, without kills, what checkpoints, S3 and Temporal cost.
 */
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { KillCost } from '../../cli/verification/account.ts';
import { findDifferences } from '../../cli/verification/compare.ts';
import { allWays, planKills } from '../../cli/verification/plan.ts';
import { runTrial } from '../../cli/verification/trial.ts';
import type { Trial } from '../../cli/verification/trial.ts';
import { workload } from '../../cli/verify-resume.ts';
import { spread, spreadText } from '../statistics.ts';
import { measureOverhead } from './overhead.ts';

interface Round {
  readonly seed: number;
  readonly planned: number;
  readonly intervalSteps: number;
  readonly costs: readonly KillCost[];
  readonly differences: readonly string[];
}

const usage = `npm run bench -- resume [options]
  --archive <path>   an archive in CIFAR's binary layout with at least 1,200 images
  --rounds <n>       trainings under kills (default 5)
  --kills <n>        kills in each (default 20: every way once)
  --only <way>       every one of this way, such as 'trainer SIGKILL'
  --epochs <n>       of each training (default 16)
  --seed <n>         of the first round's plan; each next round has the next (default 0)
  --results <file>   a line of JSON a round; those of earlier calls are counted in
  --overhead <min>   instead of kills: what checkpoints, S3 and Temporal cost in so many minutes of training`;

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      archive: { type: 'string', default: '../shared/data/cifar10-10k/cifar-10-binary.tar.gz' },
      rounds: { type: 'string', default: '5' },
      kills: { type: 'string', default: '20' },
      only: { type: 'string' },
      epochs: { type: 'string', default: '16' },
      seed: { type: 'string', default: '0' },
      results: { type: 'string' },
      overhead: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || !existsSync(values.archive)) {
    console.log(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  if (values.overhead !== undefined) {
    await measureOverhead(values.archive, Number(values.overhead));
    return;
  }
  const { results } = values;
  const rounds = results && existsSync(results) ? await readRounds(results) : [];
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-resume-'));
  const input = {
    dataset: { ...workload.dataset, source: resolve(values.archive) },
    training: { ...workload.training, epochs: Number(values.epochs) },
  };
  const { only } = values;
  const ways = allWays.filter(({ target, signal }) => !only || `${target} ${signal}` === only);
  const trial = (run: string, kills: ReturnType<typeof planKills>): Promise<Trial> =>
    runTrial({
      directory: join(folder, run),
      ...{ run, kills, input },
      signal: new AbortController().signal,
      show: () => undefined,
      onKill: () => undefined,
      onResume: () => undefined,
    });
  try {
    const undisturbed = await trial('undisturbed', []);
    for (let index = 0; index < Number(values.rounds); index += 1) {
      const seed = Number(values.seed) + index;
      const kills = planKills(Number(values.kills), undisturbed.result.steps, seed, ways);
      const killed = await trial(`killed-${seed}`, kills);
      const differences = findDifferences(undisturbed.trace, killed.trace);
      const { costs } = killed;
      const { intervalSteps } = undisturbed;
      const round = { seed, planned: kills.length, intervalSteps, costs, differences };
      rounds.push(round);
      if (results) await appendFile(results, `${JSON.stringify(round)}\n`);
      console.log(
        `seed ${seed}: ${costs.length} kills in ${killed.seconds.toFixed(0)} s (undisturbed ${undisturbed.seconds.toFixed(0)} s), ${differences.length} differences`,
      );
      if (differences.length === 0) {
        await rm(join(folder, `killed-${seed}`), { recursive: true });
      } else for (const difference of differences) console.log(`  ${difference}`);
    }
  } finally {
    if (rounds.every(({ differences }) => differences.length === 0)) {
      await rm(folder, { recursive: true, force: true });
    } else console.log(`what differed lies in ${folder}`);
  }
  report(rounds);
}

async function readRounds(file: string): Promise<Round[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Round);
}

function report(rounds: readonly Round[]): void {
  const costs = rounds.flatMap((round) => round.costs);
  const same = rounds.filter(({ differences }) => differences.length === 0);
  const kept = same.reduce((sum, round) => sum + round.costs.length, 0);
  const interval = Math.max(...rounds.map(({ intervalSteps }) => intervalSteps));
  console.log(`
${kept} of ${costs.length} kills in runs that ended bit-equal; states saved every ${interval} steps.

| what | how | n | seconds to the next step: median (min to max) | steps lost | more than one interval |
|---|---|---|---|---|---|`);
  const wayOf = ({ target, signal }: KillCost): string => `${target} | ${signal}`;
  for (const way of new Set(costs.map(wayOf))) {
    const ofWay = costs.filter((cost) => wayOf(cost) === way);
    const seconds = ofWay.flatMap(({ atStep, resumedSeconds }) =>
      atStep > 0 && resumedSeconds !== undefined ? [resumedSeconds] : [],
    );
    const lost = spread(ofWay.map(({ lostSteps }) => lostSteps));
    const beyond = ofWay.filter(({ lostSteps }) => lostSteps > interval).length;
    console.log(
      `| ${way} | ${ofWay.length} | ${seconds.length > 0 ? spreadText(spread(seconds)) : '-'} | ${spreadText(lost, 0)} | ${beyond} |`,
    );
  }
}
