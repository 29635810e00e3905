import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import proto from '@temporalio/proto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSearchAttributes } from '../../workers/search-attributes.ts';
import { startTestTemporal } from '../support/servers.ts';

const { IndexedValueType } = proto.temporal.api.enums.v1;

const warnings: string[] = [];
Runtime.install({
  logger: new DefaultLogger('WARN', ({ message }) => void warnings.push(message)),
});

test('search attributes are made once, by whichever of several workers is first', async (t) => {
  const temporal = await startTestTemporal();
  t.after(() => temporal.stop());
  const connection = await NativeConnection.connect({ address: temporal.address });
  t.after(() => connection.close());
  const create = () => createSearchAttributes(connection, 'default');
  await Promise.all([create(), create(), create()]);
  await create();
  const { customAttributes } = await connection.operatorService.listSearchAttributes({
    namespace: 'default',
  });
  assert.equal(
    customAttributes['NightshiftBestAccuracy'],
    IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
  );
});

/** A server's answers, without one. */
const answering = (known: Record<string, number>, adding: Error) =>
  ({
    operatorService: {
      listSearchAttributes: async () => ({ customAttributes: known }),
      addSearchAttributes: () => Promise.reject(adding),
    },
  }) as unknown as NativeConnection;

test('a worker that may not make them says the commands that do', async () => {
  const refusing = answering({}, new Error('Request unauthorized.'));
  await assert.rejects(
    createSearchAttributes(refusing, 'ml'),
    /^Error: namespace ml: .*can't be made here \(Request unauthorized\.\).*\ntemporal operator search-attribute create --namespace ml --name NightshiftStage --type Keyword\n/,
  );
});

test('a worker that may not even list them goes on, and says the commands that make them', async () => {
  const denied = { code: 7, details: 'Request unauthorized.', metadata: {} };
  const listSearchAttributes = () => Promise.reject(Object.assign(new Error('denied'), denied));
  const refusing = { operatorService: { listSearchAttributes } } as unknown as NativeConnection;
  await createSearchAttributes(refusing, 'ml');
  assert.match(
    warnings.at(-1)!,
    /^namespace ml: this worker may not see .*\ntemporal operator search-attribute create --namespace ml --name NightshiftStage --type Keyword\n/,
  );
});

test('one of another type is named, with the way to remove it', async () => {
  const known = { NightshiftEpoch: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD };
  await assert.rejects(
    createSearchAttributes(answering(known, new Error('not asked')), 'default'),
    /NightshiftEpoch is not of type Int; remove it with `temporal operator search-attribute remove /,
  );
});
