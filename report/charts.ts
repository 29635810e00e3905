/** The report's charts, as SVG that takes its colours from the page. */
import * as vega from 'vega';
import { compile } from 'vega-lite';
import type { TopLevelSpec } from 'vega-lite';
import type { Validation } from '../contract/progress.ts';
import { raw } from './html.ts';
import type { Html } from './html.ts';

/** Points a curve is drawn with, at most: more can't be seen. */
const mostPoints = 400;

/** Placeholders that the page's style sheet gives their colours. */
const ink = '#111111';
const accent = '#222222';
const faint = '#333333';
const variables: Readonly<Record<string, string>> = {
  [ink]: 'var(--ink)',
  [accent]: 'var(--accent)',
  [faint]: 'var(--line)',
};

/** The loss of the steps, as means over equal stretches, with the steps where a run went on. */
export function lossChart(losses: readonly number[], resumedAt: readonly number[]): Promise<Html> {
  const values = thin(losses);
  return draw('Training loss', {
    ...size,
    layer: [
      {
        data: { values },
        mark: { type: 'line', strokeWidth: 1.5, color: accent },
        encoding: {
          x: { field: 'step', type: 'quantitative', title: 'step' },
          y: { field: 'loss', type: 'quantitative', title: 'training loss, nats' },
        },
      },
      {
        data: { values: resumedAt.map((step) => ({ step })) },
        mark: { type: 'rule', strokeDash: [4, 3], color: ink },
        encoding: { x: { field: 'step', type: 'quantitative' } },
      },
    ],
  });
}

/** Validation accuracy, with the best state marked. */
export function accuracyChart(validations: readonly Validation[], best: Validation): Promise<Html> {
  const values = validations.map(({ step, accuracy }) => ({ step, accuracy: 100 * accuracy }));
  const x = { field: 'step', type: 'quantitative', title: 'step' } as const;
  const y = { field: 'accuracy', type: 'quantitative', title: 'validation accuracy, %' } as const;
  return draw('Validation accuracy', {
    ...size,
    layer: [
      {
        data: { values },
        mark: { type: 'line', point: { color: accent, size: 25 }, strokeWidth: 1.5, color: accent },
        encoding: { x, y },
      },
      {
        data: { values: [{ step: best.step, accuracy: 100 * best.accuracy }] },
        mark: { type: 'point', size: 160, strokeWidth: 2, color: ink },
        encoding: { x, y },
      },
    ],
  });
}

const size = { width: 460, height: 220 } as const;

function thin(losses: readonly number[]): { step: number; loss: number }[] {
  const points = Math.min(losses.length, mostPoints);
  const means = Array.from({ length: points }, (_, index) => {
    const from = Math.floor((index * losses.length) / points);
    const to = Math.floor(((index + 1) * losses.length) / points);
    const part = losses.slice(from, to);
    return { step: to, loss: part.reduce((sum, loss) => sum + loss, 0) / part.length };
  });
  // Where the record of the steps was lost there is nothing to draw.
  return means.filter(({ loss }) => !Number.isNaN(loss));
}

async function draw(label: string, spec: object): Promise<Html> {
  const axis = {
    labelColor: ink,
    titleColor: ink,
    domainColor: faint,
    tickColor: faint,
    gridColor: faint,
  };
  const config = {
    background: null,
    view: { stroke: null },
    font: 'system-ui, sans-serif',
    axis: { ...axis, titleFontWeight: 'normal', gridOpacity: 0.6, tickCount: 5 },
  };
  const compiled = compile({ ...spec, config } as unknown as TopLevelSpec).spec;
  const svg = await new vega.View(vega.parse(compiled), { renderer: 'none' }).toSVG();
  const coloured = svg.replace(/#(111111|222222|333333)/g, (colour) => variables[colour]!);
  return raw(coloured.replace('<svg ', `<svg role="img" aria-label="${label}" `));
}
