/** How far a trainer is, as the title of its process: `ps` and `top` show it, whatever else is down. */

export const trainerTitle = (step: number): string => `nightshift trainer, step ${step}`;

/** The step in a trainer's title; undefined before its first one. */
export function stepOfTitle(title: string): number | undefined {
  const match = /^nightshift trainer, step (\d+)/.exec(title);
  return match ? Number(match[1]) : undefined;
}
