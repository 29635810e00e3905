/** TF-Slim's names for the variables of a ResNet-50, as TF-Hub's modules have them. */

/** `conv2_block1_1_conv/kernel` is `resnet_v2_50/block1/unit_1/bottleneck_v2/conv1/weights`. */
export function slimName(variable: string, block: 'v1' | 'v2'): string {
  const [layer, part] = variable.split('/') as [string, string];
  return `resnet_${block}_50/${scopeOf(layer, block)}/${parts[part] ?? part}`;
}

const parts: Readonly<Record<string, string>> = { kernel: 'weights', bias: 'biases' };

function scopeOf(layer: string, block: 'v1' | 'v2'): string {
  if (layer === 'head') return 'logits';
  if (layer === 'post_bn') return 'postnorm';
  const norm = layer.endsWith('_bn') ? '/BatchNorm' : '';
  const unit = /^conv(\d)_block(\d)_(preact|\d)/.exec(layer);
  if (!unit) return `conv1${norm}`;
  const [, stage, index, role] = unit;
  const scope = `block${Number(stage) - 1}/unit_${index}/bottleneck_${block}`;
  if (role === 'preact') return `${scope}/preact`;
  return `${scope}/${role === '0' ? 'shortcut' : `conv${role}`}${norm}`;
}
