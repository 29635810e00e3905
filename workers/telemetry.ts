/** What a worker's process tells of itself: logs, as text or JSON, and metrics for Prometheus. */
import { DefaultLogger, Runtime, makeTelemetryFilterString } from '@temporalio/worker';
import type { LogEntry, RuntimeOptions } from '@temporalio/worker';
import type { Settings } from './settings.ts';

/** Once a process, before anything of the SDK runs. Throws where metrics can't be served. */
export function installTelemetry({ metricsAddress, logFormat }: Settings): Runtime['metricMeter'] {
  const options: RuntimeOptions = {
    ...loggingOf(logFormat),
    shutdownSignals: ['SIGTERM', 'SIGINT'],
    telemetryOptions: {
      ...(metricsAddress !== undefined && { metrics: metricsAt(metricsAddress) }),
      // What the SDK's core says goes the same way.
      ...(logFormat === 'json' && { logging: { filter: coreFilter, forward: {} } }),
    },
  };
  try {
    return Runtime.install(options).metricMeter;
  } catch (error) {
    if (metricsAddress === undefined) throw error;
    throw new Error(
      `NIGHTSHIFT_METRICS: no metrics can be served at ${metricsAddress}; choose another port: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

type Telemetry = NonNullable<RuntimeOptions['telemetryOptions']>;

/** From a head on kept features to large images on a processor. */
const stepBuckets = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

const metricsAt = (bindAddress: string): NonNullable<Telemetry['metrics']> => ({
  prometheus: {
    bindAddress,
    unitSuffix: true,
    useSecondsForDurations: true,
    histogramBucketOverrides: { nightshift_step_duration: stepBuckets },
  },
});

const coreFilter = makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' });

/** The logger; the SDK's own for text. */
export const loggingOf = (format: Settings['logFormat']): Pick<RuntimeOptions, 'logger'> =>
  format === 'json' ? { logger: new DefaultLogger('INFO', writeJsonLine) } : {};

function writeJsonLine({ level, timestampNanos, message, meta = {} }: LogEntry): void {
  const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
  // Opaque, and long; the entry's own `message`, if it has one, is what went wrong.
  const { taskToken: _, ...fields } = meta;
  process.stderr.write(`${asJson({ time, level, msg: message, ...fields })}\n`);
}

/** JSON has no words for errors and big integers. */
const asJson = (entry: object): string =>
  JSON.stringify(entry, (_, value: unknown) => {
    if (typeof value === 'bigint') return Number(value);
    return value instanceof Error ? (value.stack ?? value.message) : value;
  });
