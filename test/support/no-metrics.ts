/** For services of a test that looks at no metrics. */
import { noopMetricMeter } from '@temporalio/common';
import { trainMetrics } from '../../activities/train-metrics.ts';

export const noMetrics = trainMetrics(noopMetricMeter);
