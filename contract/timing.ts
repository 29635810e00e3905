/** The times on which workers and workflows must agree. */

/**
 * A worker that has said nothing for this long is taken for dead. Long enough for a store that
 * stalls a moment, short enough that a lost worker costs seconds.
 */
export const heartbeatTimeoutMs = 10_000;

/** Heartbeats are sent on at most this often; it also bounds how late a cancellation is heard. */
export const heartbeatThrottleMs = 2_000;

/**
 * What an attempt wrote and nothing names after so long is an orphan: the longest activity takes 25
 * hours, and a state may wait as long again for a store that is away.
 */
export const orphanAgeMs = 3 * 24 * 60 * 60 * 1000;

/** From SIGTERM (or a spot notice) to being killed: finish the step, save, upload, hand back. */
export const shutdownGraceMs = 110_000;
