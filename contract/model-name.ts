/** The names that models have in the registry: the one thing named by a user that is part of keys. */
import { z } from 'zod';

export const modelNameRule = "must be 1 to 63 of a-z, 0-9 and '-', and not begin with '-'";

export const modelNameSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, modelNameRule);
