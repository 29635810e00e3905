/** The datasets that are known by name, and how many images each has. */
export const knownSamples: Readonly<Record<string, number>> = {
  cifar10: 60_000,
  cifar100: 60_000,
  imagenette: 13_394,
  'imagenette2-160': 13_394,
  'imagenette2-320': 13_394,
  imagenette2: 13_394,
};
