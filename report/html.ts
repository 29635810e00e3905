/** HTML as a tagged template: what is put in is escaped, unless it is HTML itself. */

const marker = Symbol('html');

export interface Html {
  readonly [marker]: true;
  readonly text: string;
}

export type Content = Html | string | number | readonly Content[];

export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return raw(String.raw({ raw: parts }, ...values.map(render)));
}

/** Text that is HTML already. */
export const raw = (text: string): Html => ({ [marker]: true, text });

function render(content: Content): string {
  if (Array.isArray(content)) return (content as readonly Content[]).map(render).join('');
  if (typeof content === 'object') return (content as Html).text;
  return String(content).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
