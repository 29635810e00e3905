/** What `npm run bench -- data` is made of: rows, each measured and printed by itself. */

export interface RowOptions {
  /** Of each contestant, in turn. */
  readonly rounds: number;
  /** Of measuring, a round. */
  readonly seconds: number;
  /** Contestants whose name has one of these; all without any. */
  readonly only: readonly string[];
  /** A dataset's archive, where the row reads one. */
  readonly archive: string | undefined;
}

export interface Row {
  readonly name: string;
  /** A line for the usage. */
  readonly about: string;
  /** Gives a table in Markdown, and the figures of every round. */
  measure(options: RowOptions): Promise<{ readonly table: string; readonly figures: unknown }>;
}
