// Browser sessions: for people who open reports. A session reads; it never writes.
import { randomBytes } from 'node:crypto';
import type { Auth, Principal } from '#auth';
import { sha256Hex, type Clock } from '#kit';

const sessionMs = 12 * 3_600_000;
const ticketMs = 10 * 60_000;
/** How long a revoked key's sessions may go on. */
const recheckMs = 5_000;
const maxEntries = 10_000;

interface Entry {
  principal: Principal;
  until: number;
  checkedAt: number;
}

/** Sessions and one-use tickets, in memory: a restart ends them all. Only digests of their ids are held. */
export function createSessions(auth: Auth, clock: Clock) {
  const sessions = new Map<string, Entry>();
  const tickets = new Map<string, Entry>();

  function issue(into: Map<string, Entry>, principal: Principal, forMs: number): string {
    const now = clock.now();
    for (const [key, entry] of into) if (entry.until <= now) into.delete(key);
    if (into.size >= maxEntries) into.delete(into.keys().next().value!);
    const id = randomBytes(32).toString('base64url');
    into.set(sha256Hex(id), { principal, until: now + forMs, checkedAt: -Infinity });
    return id;
  }

  async function isRevoked(principal: Principal): Promise<boolean> {
    const keys = await auth.listKeys(principal.tenantId);
    return keys.some((key) => key.keyId === principal.keyId && key.revokedAt !== undefined);
  }

  return {
    seconds: sessionMs / 1000,
    open: (principal: Principal): string => issue(sessions, principal, sessionMs),
    createTicket: (principal: Principal): string => issue(tickets, principal, ticketMs),
    /** Who holds this session; undefined when it has ended or its key was revoked more than 5 s ago. */
    async find(id: string): Promise<Principal | undefined> {
      const key = sha256Hex(id);
      const entry = sessions.get(key);
      const now = clock.now();
      if (entry === undefined) return undefined;
      if (entry.until <= now) {
        sessions.delete(key);
        return undefined;
      }
      if (now - entry.checkedAt >= recheckMs) {
        if (await isRevoked(entry.principal)) {
          sessions.delete(key);
          return undefined;
        }
        entry.checkedAt = now;
      }
      return entry.principal;
    },
    /** Spends a ticket. */
    redeem(ticket: string): Principal | undefined {
      const key = sha256Hex(ticket);
      const entry = tickets.get(key);
      tickets.delete(key);
      return entry !== undefined && entry.until > clock.now() ? entry.principal : undefined;
    },
    end: (id: string): void => void sessions.delete(sha256Hex(id)),
  };
}

export type Sessions = ReturnType<typeof createSessions>;

const cookieName = 'chartly_session';

/** The session id in a Cookie header. */
export function sessionCookie(header: string | undefined): string | undefined {
  for (const part of header?.split(';') ?? []) {
    const [name, value] = part.trim().split('=', 2);
    if (name === cookieName && value !== undefined && /^[A-Za-z0-9_-]{43}$/.test(value)) return value;
  }
  return undefined;
}

/** The Set-Cookie header that hands a session to a browser; an empty id takes it away. */
export function setSessionCookie(id: string, { secure, seconds }: { secure: boolean; seconds: number }): string {
  return `${cookieName}=${id}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${id === '' ? 0 : seconds}${secure ? '; Secure' : ''}`;
}
