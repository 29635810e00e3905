/** What a run leaves that has failed: one self-contained HTML page that says where, why, and how to go on. */
import type { Config } from '../contract/config.ts';
import type { RunProgress, StageProgress, TrainingProgress } from '../contract/progress.ts';
import { accuracyChart } from './charts.ts';
import { html, raw } from './html.ts';
import type { Content, Html } from './html.ts';
import { style } from './style.ts';
import { configTable } from './tables.ts';

export interface FailureInput {
  /** What the run is called. */
  readonly workflowId: string;
  /** As it was when it failed. */
  readonly progress: RunProgress;
  readonly config: Config;
  readonly message: string;
}

export async function renderFailure(input: FailureInput): Promise<string> {
  const { workflowId, progress, config, message } = input;
  const { run, preset, stages, training } = progress;
  const failed = stages.find(({ status }) => status === 'failed');
  const where = failed?.name ?? 'no stage';
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Nightshift run ${run.slice(0, 8)}: failed in ${where}</title>
        <style>
          ${raw(style)}
        </style>
      </head>
      <body>
        <main>
          <header>
            <p class="eyebrow">Nightshift · preset ${preset}</p>
            <h1>Failed <span>in ${where}</span></h1>
            <p>${message}</p>
          </header>
          <section aria-labelledby="next">
            <h2 id="next">How to go on</h2>
            <p>
              Once the cause is gone: <code>npx nightshift resume ${workflowId}</code>, or in the
              Temporal UI a <code>trainingPipeline</code> with the input
              <code>{ "resumeFrom": "${workflowId}" }</code>. ${newestState(training)}
            </p>
          </section>
          <section aria-labelledby="stages">
            <h2 id="stages">How far it came</h2>
            ${stageTable(stages)} ${await trainingPart(training)} ${lastProblem(progress)}
          </section>
          <section aria-labelledby="configuration">
            <h2 id="configuration">Configuration</h2>
            <p>Bold: differs from the preset ${preset}.</p>
            ${configTable({ config, preset })}
          </section>
        </main>
      </body>
    </html>`;
  return page.text;
}

function newestState(training: TrainingProgress | undefined): string {
  const { durableStep = 0, durableAt } = training ?? {};
  if (durableStep === 0) return 'It has no checkpoint: what is made of the data is found again.';
  const since = durableAt === undefined ? '' : `, stored ${time(durableAt)}`;
  return `It goes on from its checkpoint of step ${count(durableStep)}${since}.`;
}

function stageTable(stages: readonly StageProgress[]): Html {
  return html`<table class="stages">
    <tbody>
      ${stages.map(
        ({ name, status, startedAt, endedAt, note }) =>
          html`<tr>
            <th scope="row">${name}</th>
            <td>${status}</td>
            <td>
              ${
                startedAt === undefined || endedAt === undefined
                  ? ''
                  : `${((endedAt - startedAt) / 1000).toFixed(1)} s`
              }
            </td>
            <td>${status === 'failed' ? '' : (note ?? '')}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

async function trainingPart(training: TrainingProgress | undefined): Promise<Content> {
  if (!training) return '';
  const { step, steps, validations, best, resumes, hardware } = training;
  const told = [
    `Training had come to step ${count(step)} of ${count(steps)}${hardware ? ` on ${hardware}` : ''}.`,
    best
      ? `Its best validation accuracy is ${percent(best.accuracy)}, at step ${count(best.step)}.`
      : '',
    resumes > 0 ? `It was resumed ${resumes === 1 ? 'once' : `${resumes} times`} before.` : '',
  ];
  const chart = best ? await accuracyChart(validations, best) : '';
  return html`<p>${told.join(' ')}</p>
    <div class="charts">${chart}</div>`;
}

function lastProblem({ lastProblem: problem }: RunProgress): Content {
  return problem
    ? html`<p>The last trouble before that, ${time(problem.at)}: ${problem.message}</p>`
    : '';
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const count = (value: number): string => value.toLocaleString('en');
const time = (at: number): string =>
  `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
