// What browsers ask for: the landing page and the sign-in. Everything else is the API.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '#auth';
import { ChartlyError } from '#kit';
import { bearerOf, sessionOf } from './authenticate.ts';
import type { GatewayDeps } from './deps.ts';
import { landingPage, messagePage, signInPage, signedInPage, type LandingData } from './landing-page.ts';
import { totalsOf } from './routes-sources.ts';
import { sessionCookie, setSessionCookie, type Sessions } from './sessions.ts';

export async function registerPages(app: FastifyInstance, deps: GatewayDeps, sessions: Sessions): Promise<void> {
  const page = (reply: FastifyReply, text: string): FastifyReply => reply.type('text/html; charset=utf-8').send(text);
  const signIn = (request: FastifyRequest, reply: FastifyReply, principal: Principal): FastifyReply => {
    const secure = request.protocol === 'https';
    reply.header('set-cookie', setSessionCookie(sessions.open(principal), { secure, seconds: sessions.seconds }));
    return page(reply, signedInPage());
  };

  app.get('/', async (request, reply) => {
    const secret = bearerOf(request);
    const principal = secret === undefined ? await sessionOf(sessions, request) : await deps.auth.authenticate(secret);
    return page(reply, principal === undefined ? signInPage(false) : landingPage(await landingData(deps, principal)));
  });

  // HEAD must not spend a ticket: link checkers send it.
  app.get('/session', { exposeHeadRoute: false }, async (request, reply) => {
    const { ticket } = request.query as { ticket?: unknown };
    const principal = typeof ticket === 'string' ? sessions.redeem(ticket) : undefined;
    if (principal !== undefined) return signIn(request, reply, principal);
    reply.code(401);
    return page(
      reply,
      messagePage(
        'This link is used up',
        'A link signs in once, within ten minutes. Sign in with an API key instead; chartly key create NAME makes one.',
      ),
    );
  });

  await app.register(async (forms) => {
    forms.removeAllContentTypeParsers();
    forms.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: 4096 },
      async (_request: FastifyRequest, body: string) => new URLSearchParams(body),
    );
    forms.addHook('onRequest', async (request) => refuseOtherSites(request));

    forms.post('/session', async (request, reply) => {
      const key = request.body instanceof URLSearchParams ? (request.body.get('key') ?? '') : '';
      try {
        return signIn(request, reply, await deps.auth.authenticate(key.trim()));
      } catch (error) {
        if (!(error instanceof ChartlyError) || error.code !== 'unauthorized') throw error;
        return page(reply.code(401), signInPage(true));
      }
    });
    forms.post('/session/end', async (request, reply) => {
      const id = sessionCookie(request.headers.cookie);
      if (id !== undefined) sessions.end(id);
      const secure = request.protocol === 'https';
      return reply.header('set-cookie', setSessionCookie('', { secure, seconds: 0 })).redirect('/', 303);
    });
  });
}

/** A form of another site must not sign a browser in or out. Browsers name the origin of every POST; other clients have no cookies to abuse. */
function refuseOtherSites(request: FastifyRequest): void {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const foreign = site !== undefined ? site !== 'same-origin' : origin !== undefined && !isSameHost(origin, host);
  if (foreign) throw new ChartlyError('forbidden', 'This form can be sent from its own page only.');
}

function isSameHost(origin: string, host: string | undefined): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: originHost } = new URL(origin);
  return URL.canParse(`${protocol}//${host}`) && new URL(`${protocol}//${host}`).host === originHost;
}

async function landingData(deps: GatewayDeps, principal: Principal): Promise<LandingData> {
  const { orchestrator, audit, version, clock } = deps;
  const { tenantId } = principal;
  const [sources, totals, runs, reports, head] = await Promise.all([
    orchestrator.sources(tenantId),
    totalsOf(deps, tenantId),
    orchestrator.runs(tenantId, { limit: 10 }),
    orchestrator.reports(tenantId),
    audit.head(tenantId),
  ]);
  const none = { rows: 0, candidates: 0, records: 0, quarantined: 0, deduplicated: 0, skipped: 0, bytes: 0 };
  const bySource = new Map(totals.map((item) => [item.source_id, item]));
  return {
    tenantId,
    keyName: principal.name,
    role: principal.role,
    version,
    now: clock.now(),
    sources: sources.map(({ source, stoppedBy }) => ({
      id: source.source,
      title: source.title ?? '',
      counts: bySource.get(source.source)?.counts ?? none,
      stored: bySource.get(source.source)?.stored ?? 0,
      stoppedBy,
    })),
    runs: runs.items,
    reports: reports.map(({ report, appliedAt }) => ({ report, appliedAt })),
    ledger: { size: head.size.toString(), head: head.head },
  };
}
