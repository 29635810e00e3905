/** The environment of the stack's processes: the user's, without what points elsewhere. */

/** Settings for other servers: profiles, tokens, TLS, and versitygw's own switches. */
const elsewhere = /^(AWS|TEMPORAL|VGW)_|^ROOT_(ACCESS|SECRET)_KEY/;
/** Instead of the files in the user's home; Temporal's loader takes none, but stumbles over an empty one. */
const noFile = '/nonexistent';
/** That the AWS SDK will want a newer Node one day is no news of a run. No other warning is kept back. */
export const quietSdk = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
const loopback = 'localhost,127.0.0.1,::1';

/** `own` holds what the process is told; NIGHTSHIFT_* settings of the user's that it does not name stay. */
export function localEnvironment(own: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !elsewhere.test(name));
  const exceptions = process.env['no_proxy'] ?? process.env['NO_PROXY'];
  const direct = exceptions ? `${exceptions},${loopback}` : loopback;
  return {
    ...Object.fromEntries(kept),
    no_proxy: direct,
    NO_PROXY: direct,
    AWS_CONFIG_FILE: noFile,
    AWS_SHARED_CREDENTIALS_FILE: noFile,
    TEMPORAL_CONFIG_FILE: noFile,
    ...quietSdk,
    ...own,
  };
}
