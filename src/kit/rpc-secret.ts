import { hash, timingSafeEqual } from 'node:crypto';

/** Whether a request shows the secret that the processes of an installation share. Takes the same time whatever is shown. */
export function showsSecret(header: string | undefined, secret: string): boolean {
  const shown = header?.startsWith('Bearer ') === true ? header.slice(7) : '';
  return timingSafeEqual(hash('sha256', shown, 'buffer'), hash('sha256', secret, 'buffer'));
}
