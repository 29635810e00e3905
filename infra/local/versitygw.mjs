/** versitygw, the S3 server over plain files. */
import { goRecipe } from './go.mjs';

/** Older ones lose updates under concurrent conditional writes. */
const source = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';

/**
 * An entry holds the binary `versitygw`.
 * @param {import('./prerequisites.mjs').Platform} platform
 */
export const versitygwRecipe = (platform) => goRecipe(source, platform);
