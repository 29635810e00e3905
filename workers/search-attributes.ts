/** The search attributes that runs are told apart by, made where they are missing: a workflow that told one the server does not know would wait for ever. */
import proto from '@temporalio/proto';
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

/** Throws where one is of another type, or the server lets nobody make them, with the commands that do. */
export async function createSearchAttributes(
  { operatorService }: Pick<NativeConnection, 'operatorService'>,
  namespace: string,
): Promise<void> {
  const known = async (): Promise<Record<string, unknown>> =>
    (await operatorService.listSearchAttributes({ namespace })).customAttributes ?? {};
  const before = await known();
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
    const commands = missing.map(
      ({ name, type }) =>
        `temporal operator search-attribute create --namespace ${namespace} --name ${name} --type ${words[type]}`,
    );
    throw new Error(
      `namespace ${namespace}: search attributes are missing and can't be made here (${(error as Error).message}); whoever may, runs:\n${commands.join('\n')}`,
      { cause: error },
    );
  }
}
