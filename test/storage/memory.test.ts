/** The store in memory keeps the contract. */
import { openMemoryStore } from '../../storage/memory.ts';
import { conformance } from './conformance.ts';

conformance('memory', async () => openMemoryStore());
