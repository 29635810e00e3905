/** The search attributes that runs are told apart by, made where they are missing: a workflow that told one the server does not know would wait for ever. */
import { isGrpcServiceError } from '@temporalio/client';
import proto from '@temporalio/proto';
import { Runtime } from '@temporalio/worker';
import type { NativeConnection } from '@temporalio/worker';
import { searchAttributes } from '../contract/search-attributes.ts';

const { IndexedValueType } = proto.temporal.api.enums.v1;
const types = {
  KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  DOUBLE: IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
  INT: IndexedValueType.INDEXED_VALUE_TYPE_INT,
} as const;
const words = { KEYWORD: 'Keyword', DOUBLE: 'Double', INT: 'Int' } as const;
const wanted = Object.values(searchAttributes);

/**
 * Throws where one is of another type, or the server lets nobody make them, with the commands that
 * do. Where it does not even tell which there are, they may be: that is said, and the worker goes on.
 */
export async function createSearchAttributes(
  { operatorService }: Pick<NativeConnection, 'operatorService'>,
  namespace: string,
): Promise<void> {
  const known = async (): Promise<Record<string, unknown>> =>
    (await operatorService.listSearchAttributes({ namespace })).customAttributes ?? {};
  const before = await known().catch(ifRefused);
  if (!before) {
    Runtime.instance().logger.warn(
      `namespace ${namespace}: this worker may not see which search attributes there are; runs wait for ever where one is missing. Whoever may, runs once:\n${commandsFor(namespace, wanted)}`,
    );
    return;
  }
  const other = wanted.find(({ name, type }) => name in before && before[name] !== types[type]);
  if (other) {
    throw new Error(
      `namespace ${namespace}: search attribute ${other.name} is not of type ${words[other.type]}; remove it with \`temporal operator search-attribute remove --namespace ${namespace} --name ${other.name}\` and start again`,
    );
  }
  const missing = wanted.filter(({ name }) => !(name in before));
  if (missing.length === 0) return;
  const made = Object.fromEntries(missing.map(({ name, type }) => [name, types[type]]));
  try {
    await operatorService.addSearchAttributes({ namespace, searchAttributes: made });
  } catch (error) {
    // Another worker may have been faster.
    const now = await known();
    if (missing.every(({ name }) => name in now)) return;
    throw new Error(
      `namespace ${namespace}: search attributes are missing and can't be made here (${(error as Error).message}); whoever may, runs:\n${commandsFor(namespace, missing)}`,
      { cause: error },
    );
  }
}

const commandsFor = (namespace: string, missing: typeof wanted): string =>
  missing
    .map(
      ({ name, type }) =>
        `temporal operator search-attribute create --namespace ${namespace} --name ${name} --type ${words[type]}`,
    )
    .join('\n');

/** PERMISSION_DENIED and UNIMPLEMENTED. */
const refusals = new Set<number>([7, 12]);

function ifRefused(error: unknown): undefined {
  if (!(isGrpcServiceError(error) && refusals.has(error.code))) throw error;
}
