/** A run's report: one self-contained HTML page, without network. */
import { stoppedSentence } from '../contract/progress.ts';
import { promotionSentence, ruleLine } from '../contract/promotion.ts';
import { numericsText } from '../contract/timeline.ts';
import { weightsNote } from '../contract/weights.ts';
import { accuracyChart, lossChart } from './charts.ts';
import { html, raw } from './html.ts';
import type { Content, Html } from './html.ts';
import type { ReportInput, ShownExample } from './report-input.ts';
import { style } from './style.ts';
import { configTable, pairs } from './tables.ts';

export async function renderReport(input: ReportInput): Promise<string> {
  const { metrics, best, example, plan } = input;
  const right = example.label === example.predicted;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Nightshift run ${input.run.slice(0, 8)}: ${percent(metrics.accuracy)}</title>
        <style>
          ${raw(style)}
        </style>
      </head>
      <body>
        <main>
          <header>
            <p class="eyebrow">Nightshift · preset ${input.preset}</p>
            <h1>${percent(metrics.accuracy)} <span>test accuracy</span></h1>
            <p>
              On ${count(metrics.samples)} images the model had not seen: top-5
              ${percent(metrics.top5)}, loss ${metrics.loss.toFixed(3)}. Best state: step
              ${count(best.step)} of ${count(plan.steps)}, validation accuracy
              ${percent(best.accuracy)}.
            </p>
          </header>
          ${promotionSection(input)}
          <section aria-labelledby="example">
            <h2 id="example">A random test image</h2>
            <figure class="example">
              <img src="${example.picture}" alt="Test image ${example.id}" />
              <figcaption>
                <strong>${example.predicted}</strong>, ${percent(example.probability)} sure.
                ${right ? 'Right.' : html`Wrong: it is <strong>${example.label}</strong>.`}
                <small>${example.id}</small>
              </figcaption>
            </figure>
          </section>
          <section aria-labelledby="training">
            <h2 id="training">Training</h2>
            <div class="charts">
              ${await lossChart(input.losses, input.resumedAt)}
              ${await accuracyChart(input.validations, best)}
            </div>
            <p>
              ${count(plan.epochs)} epochs of ${count(plan.samples)} images, ${plan.batchSize} a
              step, ${input.imagesPerSecond.toFixed(0)} images/s on ${numericsText(input.numerics)}.
              ${input.stopped ? stoppedSentence(plan.steps, input.stopped) : ''}
              ${interruptions(input)}
            </p>
            <p>${beginning(input)}</p>
          </section>
          <section aria-labelledby="classes">
            <h2 id="classes">Classes</h2>
            ${classTable(input)} ${confusionTable(input)}
          </section>
          <section aria-labelledby="mistakes">
            <h2 id="mistakes">Most confident mistakes</h2>
            <div class="gallery">${input.mistakes.map(mistake)}</div>
          </section>
          <section aria-labelledby="stages">
            <h2 id="stages">Where the time went</h2>
            ${stageTable(input)}
          </section>
          <section aria-labelledby="configuration">
            <h2 id="configuration">Configuration</h2>
            <p>Bold: differs from the preset ${input.preset}.</p>
            ${configTable(input)}
          </section>
          <section aria-labelledby="lineage">
            <h2 id="lineage">Lineage</h2>
            ${pairs([
              ['run', input.run],
              ...Object.entries(input.lineage),
              ['graph', input.numerics.graph],
              ['TensorFlow', input.numerics.tensorflow],
            ])}
          </section>
        </main>
      </body>
    </html>`;
  return page.text;
}

/** What becomes of the model, and every rule that it was held against. */
function promotionSection({ promotion }: ReportInput): Content {
  if (!promotion) return '';
  const { gate, champion } = promotion;
  const beside = champion
    ? `and beside the champion of generation ${champion.generation}, the model of run ${champion.workflowId}`
    : 'without a champion to compare with';
  return html`<section aria-labelledby="promotion">
    <h2 id="promotion">Promotion</h2>
    <p>${promotionSentence(promotion)} Judged on ${count(gate.samples)} test images, ${beside}:</p>
    <ul>
      ${gate.rules.map((rule) => html`<li>${ruleLine(rule)}</li>`)}
    </ul>
  </section>`;
}

function classTable({ classes, metrics }: ReportInput): Html {
  return html`<div class="wide" tabindex="0">
    <table>
      <thead>
        <tr>
          <th scope="col">class</th>
          <th scope="col">precision</th>
          <th scope="col">recall</th>
          <th scope="col">F1</th>
          <th scope="col">images</th>
        </tr>
      </thead>
      <tbody>
        ${metrics.classes.map(
          ({ precision, recall, f1, support }, index) =>
            html`<tr>
              <th scope="row">${classes[index]!}</th>
              <td>${percent(precision)}</td>
              <td>${percent(recall)}</td>
              <td>${percent(f1)}</td>
              <td>${count(support)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** Rows: what an image is; columns: what it was taken for; shaded by the share of the row. */
function confusionTable({ classes, metrics }: ReportInput): Html {
  return html`<div class="wide" tabindex="0">
    <table class="confusion">
      <caption>
        What was taken for what: a row for what the image is, a column for the prediction
      </caption>
      <thead>
        <tr>
          <td></td>
          ${classes.map((name) => html`<th scope="col"><span>${name}</span></th>`)}
        </tr>
      </thead>
      <tbody>
        ${metrics.confusion.map((row, label) => {
          const all = row.reduce((sum, value) => sum + value, 0);
          return html`<tr>
            <th scope="row">${classes[label]!}</th>
            ${row.map(
              (value, predicted) =>
                html`<td
                  style="--share:${(all === 0 ? 0 : value / all).toFixed(3)}"
                  ${raw(label === predicted ? 'class="right"' : '')}
                >
                  ${value}
                </td>`,
            )}
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

function mistake({ id, label, predicted, probability, picture }: ShownExample): Html {
  return html`<figure>
    <img src="${picture}" alt="Test image ${id}" />
    <figcaption>
      ${predicted} (${percent(probability)})<br />is <strong>${label}</strong>
    </figcaption>
  </figure>`;
}

function stageTable({ stages }: ReportInput): Html {
  // The report itself is still being written.
  const ended = stages.filter(({ endedAt }) => endedAt !== undefined);
  const seconds = ended.map(({ startedAt, endedAt }) => (endedAt! - startedAt!) / 1000);
  const longest = Math.max(...seconds, 0.001);
  return html`<table class="stages">
    <tbody>
      ${ended.map(
        ({ name }, index) =>
          html`<tr>
            <th scope="row">${name}</th>
            <td>${seconds[index]!.toFixed(1)} s</td>
            <td><i style="width:${((100 * seconds[index]!) / longest).toFixed(1)}%"></i></td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function beginning({ weights, config }: ReportInput): string {
  if (!weights) return `Its weights began from seed ${config.seed}.`;
  return `It began with pretrained weights: ${weightsNote(weights)}.`;
}

function interruptions({ resumedAt, notBitEqual }: ReportInput): string {
  const resumed =
    resumedAt.length === 0
      ? 'Nothing interrupted it.'
      : `It was interrupted ${resumedAt.length === 1 ? 'once' : `${resumedAt.length} times`} and went on at step ${resumedAt.map(count).join(', ')}.`;
  const bits =
    notBitEqual.length === 0
      ? ' The weights are those of an undisturbed run, to the last bit.'
      : ` Not bit-equal to an undisturbed run ${notBitEqual.join('; ')}.`;
  return resumedAt.length === 0 && notBitEqual.length === 0 ? resumed : resumed + bits;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const count = (value: number): string => value.toLocaleString('en');
