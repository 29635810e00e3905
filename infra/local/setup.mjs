/**
 * Sets a machine up: TensorFlow's libraries and the addon over them, the Temporal CLI, the S3
 * server. Each lies in the cache, and is made once. Runs before anything of ours is installed or
 * compiled, so it is plain JavaScript and needs no package.
 */
import { checkMachine } from './prerequisites.mjs';
import { cached, checkNeeds } from './cache.mjs';
import { installAddon, tensorflowRecipe } from './tensorflow.mjs';
import { findTemporal, temporalRecipe } from './temporal-cli.mjs';
import { versitygwRecipe } from './versitygw.mjs';

/**
 * @typedef {object} Tools
 * @property {string} temporal Path of the Temporal CLI.
 * @property {string} versitygw Path of the S3 server.
 */

/**
 * Puts in place what is missing; takes milliseconds when nothing is.
 * @param {(line: string) => void} [log]
 * @returns {Promise<Tools>}
 */
export async function setUp(log = () => undefined) {
  const platform = checkMachine();
  await checkNeeds(tensorflowRecipe(platform)); // all that any of them needs
  const tools = /** @type {const} */ ([
    cached(tensorflowRecipe(platform), log),
    temporalIn(platform, log),
    cached(versitygwRecipe(platform), log),
  ]);
  // One that fails lets the others finish, to be found next time; what it says comes last.
  await Promise.allSettled(tools);
  const [tensorflow, temporal, versitygw] = await Promise.all(tools);
  await installAddon(tensorflow);
  return { temporal, versitygw: `${versitygw}/versitygw` };
}

/**
 * @param {import('./prerequisites.mjs').Platform} platform
 * @param {(line: string) => void} log
 */
async function temporalIn(platform, log) {
  return (await findTemporal()) ?? `${await cached(temporalRecipe(platform), log)}/temporal`;
}

if (process.argv[1] === import.meta.filename) {
  try {
    console.log(JSON.stringify(await setUp(console.error)));
  } catch (error) {
    console.error(`nightshift: ${/** @type {Error} */ (error).message}`);
    process.exitCode = 1;
  }
}
