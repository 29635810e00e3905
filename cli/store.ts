/** The bucket that a server's workers store in, as their environment names it. */
import type { ObjectStore } from '../storage/store.ts';

/** Endpoint, region and credentials are the AWS SDK's own variables. */
export async function openStoreOf(environment: NodeJS.ProcessEnv): Promise<ObjectStore> {
  const { openS3Store } = await import('../storage/s3.ts');
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  return openS3Store({
    bucket: environment['NIGHTSHIFT_BUCKET'] ?? 'nightshift',
    endpoint: environment['AWS_ENDPOINT_URL_S3'] || undefined,
    region: environment['AWS_REGION'] ?? 'us-east-1',
    // Where the process's own environment is meant, the SDK finds its profiles and tokens too.
    ...(environment !== process.env &&
      accessKeyId &&
      secretAccessKey && { credentials: { accessKeyId, secretAccessKey } }),
  });
}
