/** Whether a server answers: light enough to be asked every second, and never waiting long. */
import { connect } from 'node:http2';

const answerWithinMs = 5_000;

const service = Buffer.from('temporal.api.workflowservice.v1.WorkflowService');
/** A gRPC message: not compressed, its length; in it field 1, the service's name. */
const question = Buffer.concat([
  Buffer.from([0, 0, 0, 0, service.length + 2, 0x0a, service.length]),
  service,
]);
/** Field 1, the status: 1, SERVING. */
const serving = Buffer.from([0, 0, 0, 0, 2, 0x08, 1]);

/** gRPC's health check, as `temporal operator cluster health` makes it, without starting a process. */
export function temporalAnswers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const session = connect(`http://127.0.0.1:${port}`);
    const finish = (answer: boolean): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(false), answerWithinMs);
    session.on('error', () => finish(false));
    const request = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    request
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => finish(Buffer.concat(chunks).equals(serving)))
      .on('error', () => finish(false))
      .end(question);
  });
}

/** Any answer will do: S3 refuses who does not sign. */
export function httpAnswers(port: number): Promise<boolean> {
  const signal = AbortSignal.timeout(answerWithinMs);
  return fetch(`http://127.0.0.1:${port}`, { method: 'HEAD', redirect: 'manual', signal }).then(
    () => true,
    () => false,
  );
}
