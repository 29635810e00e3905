/** Which of a network's variables learn, by `model.trainable` of the configuration. */
import type { Config } from '../contract/config.ts';
import type { LayerSettings } from './layers.ts';

export function trainsUnder(trainable: Config['model']['trainable']): LayerSettings['trains'] {
  if (trainable === 'all') return () => true;
  const [, firstStage] = /^from conv(\d)$/.exec(trainable) ?? [];
  return (layer, role) => {
    if (layer === 'head') return true;
    if (firstStage !== undefined) return stageOf(layer) >= Number(firstStage);
    return trainable === 'head+batchnorm' && (role === 'gamma' || role === 'beta');
  };
}

/** Of `conv4_block1_1_conv`: 4. What comes after all stages counts as beyond them. */
const stageOf = (layer: string): number => Number(/^conv(\d)/.exec(layer)?.[1] ?? Infinity);
