import { ChartlyError } from '#kit';
import { DamagedBlob } from './frame-reader.ts';

export function notFound(bucket: string, sha256: string): ChartlyError {
  return new ChartlyError('not_found', `There is no blob ${bucket}/${sha256}.`);
}

export function diskFull(cause: unknown): ChartlyError {
  return new ChartlyError('disk_full', 'The disk of the blob store has no room left.', { cause, retryable: true });
}

export function asWriteError(error: unknown): ChartlyError {
  if (error instanceof ChartlyError) return error;
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(error);
  return unavailable(error, 'written');
}

export function asReadError(error: unknown, bucket: string, sha256: string): ChartlyError {
  if (error instanceof ChartlyError) return error;
  if (error instanceof DamagedBlob) {
    return new ChartlyError(
      'blob_corrupt',
      `The stored form of blob ${bucket}/${sha256} is damaged: ${error.message}.`,
      {
        cause: error,
      },
    );
  }
  return unavailable(error, 'read');
}

function unavailable(cause: unknown, verb: 'read' | 'written'): ChartlyError {
  const code = (cause as NodeJS.ErrnoException | null)?.code ?? 'no code';
  return new ChartlyError('storage_unavailable', `The blob store cannot be ${verb} (${code}).`, {
    cause,
    retryable: true,
  });
}
