/** What an image looks like, in 64 bits: those of images that look alike differ in a few. */

const thumbnailSize = 32;
const rows = 8;
const columns = 9;

/**
 * The difference hash of grey levels, [32, 32]: whether it gets brighter from each of nine columns
 * to the next, in eight rows. 16 hexadecimal digits, computed in whole numbers.
 */
export function differenceHash(thumbnail: Uint8Array): string {
  let hash = 0n;
  for (let row = 0; row < rows; row += 1) {
    const levels = Array.from({ length: columns }, (_, column) => cell(thumbnail, row, column));
    for (let column = 1; column < columns; column += 1) {
      hash = (hash << 1n) | (levels[column]! > levels[column - 1]! ? 1n : 0n);
    }
  }
  return hash.toString(16).padStart(16, '0');
}

/** The sum of a cell's grey levels: a pixel is 9 parts wide, a column 32. */
function cell(thumbnail: Uint8Array, row: number, column: number): number {
  const height = thumbnailSize / rows;
  const [from, to] = [column * thumbnailSize, (column + 1) * thumbnailSize];
  let sum = 0;
  for (let x = Math.floor(from / columns); x * columns < to; x += 1) {
    const parts = Math.min(to, (x + 1) * columns) - Math.max(from, x * columns);
    for (let y = row * height; y < (row + 1) * height; y += 1) {
      sum += parts * thumbnail[y * thumbnailSize + x]!;
    }
  }
  return sum;
}
