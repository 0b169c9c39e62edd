import type { Profile } from '#contracts';

/** Options of a layer that the profile says is not there. */
export function checkLayer(
  { format, compression = 'auto', zip, limits }: Profile,
  problem: (pointer: string, message: string) => void,
): void {
  if (zip !== undefined && format === 'xlsx' && compression === 'auto')
    problem('/zip', 'a workbook is one file; when the payload is an archive of workbooks, write compression: zip');
  else if (zip !== undefined && compression !== 'zip' && compression !== 'auto')
    problem('/zip', `only a zip archive has members, and compression is ${compression}; write compression: zip`);
  if (limits !== undefined && compression === 'none' && format !== 'xlsx')
    problem('/limits', 'these bound what a compressed payload holds, and compression is none; leave one of them out');
}
