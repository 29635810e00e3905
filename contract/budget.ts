/** What a run's training may cost, in seconds with a trainer at work. Pure. */
import type { BudgetConfig } from './config.ts';

/** By hours or money, whichever is less; undefined: no bound. */
export function budgetSeconds({ hours, money, pricePerHour }: BudgetConfig = {}):
  | number
  | undefined {
  const paidHours = money === undefined ? Infinity : money / pricePerHour!;
  const most = Math.min(hours ?? Infinity, paidHours);
  return most === Infinity ? undefined : 3_600 * most;
}
