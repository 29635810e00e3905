/** What is measured: one row of the table, and who takes part in it. */

export interface Spec {
  /** `head`: training of a new head on a frozen backbone. */
  readonly task: 'train' | 'head' | 'predict';
  /** Height and width in pixels. */
  readonly size: number;
  readonly batch: number;
  readonly precision: 'float32' | 'bfloat16';
  /** How the peer runs it: `jit`, `compile`, or a runtime's name. */
  readonly variant: string;
  /** Steps before the measurement, and how long it takes. */
  readonly warmup: number;
  readonly seconds: number;
}

export interface Contestant {
  readonly name: string;
  readonly script: string;
  readonly precision: Spec['precision'];
  readonly variant: string;
}

export type Row = Pick<Spec, 'task' | 'size' | 'batch'> & { readonly name: string };

export const rows = [
  { name: 'train-32', task: 'train', size: 32, batch: 128 },
  { name: 'train-224', task: 'train', size: 224, batch: 16 },
  { name: 'head-224', task: 'head', size: 224, batch: 16 },
  { name: 'predict-32', task: 'predict', size: 32, batch: 128 },
  { name: 'predict-224', task: 'predict', size: 224, batch: 16 },
] as const satisfies Row[];

const precisions = ['float32', 'bfloat16'] as const;
const script = { keras: 'keras_peer.py', torch: 'torch_peer.py', runtime: 'runtime_peer.py' };

/** Everyone who can do the task; ours first. */
export function contestants(task: Spec['task']): Contestant[] {
  const of = (name: string, file: string, variant = ''): Contestant[] =>
    precisions.map((precision) => ({
      name: `${name}${variant === '' ? '' : ` ${variant}`}, ${precision}`,
      script: file,
      precision,
      variant,
    }));
  const runtimes = [
    ...of('ONNX Runtime', script.runtime, 'onnxruntime').filter(
      ({ precision }) => precision === 'float32',
    ),
    ...of('OpenVINO', script.runtime, 'openvino'),
  ];
  return [
    ...of('Nightshift', 'ours.ts'),
    ...of('Keras', script.keras),
    ...of('Keras', script.keras, 'jit'),
    ...of('PyTorch', script.torch),
    ...of('PyTorch', script.torch, 'compile'),
    ...(task === 'predict' ? runtimes : []),
  ];
}
