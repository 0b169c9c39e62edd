import type { Profile } from '#contracts';

/** Options of a layer that the profile says is not there. */
export function checkLayer(
  { compression = 'auto', zip, limits }: Profile,
  problem: (pointer: string, message: string) => void,
): void {
  if (zip !== undefined && compression !== 'zip' && compression !== 'auto')
    problem('/zip', `only a zip archive has members, and compression is ${compression}; write compression: zip`);
  if (limits !== undefined && compression === 'none')
    problem('/limits', 'these bound what a compressed payload holds, and compression is none');
}
