/** The tables that the report of a run and that of its failure share. */
import type { Config } from '../contract/config.ts';
import { presets } from '../contract/presets.ts';
import type { PresetName } from '../contract/presets.ts';
import { configRows } from './config-rows.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';

/** Every setting, those that differ from the preset in bold. */
export function configTable({
  config,
  preset,
}: {
  readonly config: Config;
  readonly preset: string;
}): Html {
  const rows = configRows(config, preset in presets ? presets[preset as PresetName] : {});
  return html`<div class="wide" tabindex="0">
    <table class="pairs">
      <tbody>
        ${rows.map(
          ({ key, value, differs }) =>
            html`<tr>
              <th scope="row">${key}</th>
              <td>${differs ? html`<strong>${value}</strong>` : value}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** A row a pair. */
export function pairs(rows: readonly (readonly [string, string])[]): Html {
  return html`<div class="wide" tabindex="0">
    <table class="pairs">
      <tbody>
        ${rows.map(
          ([key, value]) =>
            html`<tr>
              <th scope="row">${key}</th>
              <td><code>${value}</code></td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
