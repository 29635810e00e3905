/** Exponential and logarithm that give the same bits everywhere, which the language leaves open for `Math.exp`. */

/** Of a number above 0; error below 1e-14 of it, or of 1. */
export function ln(value: number): number {
  let part = value;
  let doublings = 0;
  for (; part > 1.5; part /= 2) doublings += 1;
  for (; part < 0.75; part *= 2) doublings -= 1;
  // The series of the inverse hyperbolic tangent, from its smallest term on: |z| is at most 1/5.
  const z = (part - 1) / (part + 1);
  let sum = 0;
  for (let k = 23; k >= 1; k -= 2) sum = sum * z * z + 1 / k;
  return 2 * z * sum + doublings * Math.LN2;
}

/** Error below 1e-14 of the result. */
export function exp(value: number): number {
  const doublings = Math.round(value / Math.LN2);
  const rest = value - doublings * Math.LN2;
  let result = 1;
  for (let k = 16; k >= 1; k -= 1) result = 1 + (result * rest) / k;
  for (let done = 0; done < doublings; done += 1) result *= 2;
  for (let done = 0; done > doublings; done -= 1) result /= 2;
  return result;
}
