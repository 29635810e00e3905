/** What `doctor` found at one place: how it stands, and where it does not stand well, what to do. */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly found: string;
  readonly remedy?: string;
}

export const fine = (check: string, found: string): Finding => ({ check, status: 'ok', found });

/** What works, but not as it should. */
export const doubtful = (check: string, found: string, remedy: string): Finding => ({
  ...{ check, status: 'warn', found, remedy },
});

/** What will end or hold up every run. */
export const broken = (check: string, found: string, remedy: string): Finding => ({
  ...{ check, status: 'fail', found, remedy },
});

/** What an error says, in one line. */
export const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
