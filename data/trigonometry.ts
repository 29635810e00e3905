/** Cosine and sine that give the same bits everywhere, which the language leaves open for `Math.cos`. */

/** Of an angle in turns, within plus and minus half a turn; error below 1e-13. */
export function cosSin(turns: number): { cos: number; sin: number } {
  const radians = turns * 2 * Math.PI;
  const square = radians * radians;
  // Their power series, from the smallest term on.
  let cos = 1;
  let sin = 1;
  for (let k = 28; k >= 2; k -= 2) {
    cos = 1 - (cos * square) / (k * (k - 1));
    sin = 1 - (sin * square) / (k * (k + 1));
  }
  return { cos, sin: sin * radians };
}
