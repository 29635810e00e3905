/** The clone's own servers and workers: those that run already, else started here and closed with the command. */
import { connectToStack } from './connect.ts';
import type { StackServers } from './connect.ts';

export interface Stack extends StackServers {
  /** Whether this command started it; one that was there already stays. */
  readonly own: boolean;
}

/** `note` gets a line when something starts, breaks or is restarted. */
export async function openStack(root: string, note: (line: string) => void): Promise<Stack> {
  const { openLocalStack, readLocalStack } = await import('../infra/local/supervisor.ts');
  const running = await readLocalStack(root);
  if (running) return { ...(await connectToStack(root, running)), own: false };
  const started = await openLocalStack({ root, onEvent: ({ message }) => note(message) });
  try {
    const servers = await connectToStack(root, started);
    return {
      ...servers,
      own: true,
      close: async () => {
        await servers.close();
        await started.close();
      },
    };
  } catch (error) {
    await started.close();
    throw error;
  }
}
