/** The order of classes, which gives each its number. */

/** By number where all are whole numbers, else as texts, by code point: as file systems' tools do. */
export function sortClasses(names: Iterable<string>): string[] {
  const all = [...names];
  const isNumbered = all.every((name) => /^\d+$/.test(name));
  return all.toSorted((a, b) => {
    const byNumber = isNumbered ? Number(a) - Number(b) : 0;
    return byNumber || (a < b ? -1 : 1);
  });
}
