/** The peers' Python: a virtual environment with pinned versions, made once in the cache. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { cached } from '../infra/local/cache.mjs';
import { findPython } from '../infra/local/prerequisites.mjs';

const keras = ['keras==3.15.0', 'tensorflow-cpu==2.21.0'];
/** PyTorch's wheel brings CUDA with it: several gigabytes. */
const engines = [
  ...keras,
  'torch==2.15.0',
  'onnx==1.23.2',
  'onnxscript==0.7.2',
  'onnxruntime==1.32.0',
  'openvino==2026.4.1',
];

/**
 * @param {'keras' | 'engines'} [who] Keras alone, or all that the engine is measured against.
 * @returns {Promise<string>} the interpreter
 */
export async function peersPython(who = 'keras') {
  const requirements = who === 'keras' ? keras : engines;
  const entry = await cached(
    {
      name: `peers-${who}`,
      key: { requirements },
      file: import.meta.filename,
      async make(directory) {
        execFileSync(findPython(), ['-m', 'venv', join(directory, 'venv')]);
        const pip = join(directory, 'venv/bin/python');
        execFileSync(pip, ['-m', 'pip', 'install', '--quiet', ...requirements]);
      },
    },
    console.error,
  );
  return join(entry, 'venv/bin/python');
}
