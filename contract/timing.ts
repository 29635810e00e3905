/** The times on which workers and workflows must agree. */

/**
 * A worker that has said nothing for this long is taken for dead. Long enough for a store that
 * stalls a moment, short enough that a lost worker costs seconds.
 */
export const heartbeatTimeoutMs = 10_000;

/** Heartbeats are sent on at most this often; it also bounds how late a cancellation is heard. */
export const heartbeatThrottleMs = 2_000;

/** From SIGTERM (or a spot notice) to being killed: finish the step, save, upload, hand back. */
export const shutdownGraceMs = 110_000;
