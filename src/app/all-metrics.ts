/** The metrics of several processes as one exposition: the observer's view of an installation. */

export interface Exposition {
  contentType: string;
  body: string;
}

const scrapeTimeoutMs = 5_000;

/** The own metrics, and those of other processes that answer in time, each series with the label `process`. */
export async function allMetrics(own: Exposition, urls: readonly string[]): Promise<Exposition> {
  const bodies = await Promise.all(
    urls.map(async (url): Promise<[string, string]> => {
      try {
        const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(scrapeTimeoutMs) });
        return [new URL(url).host, answer.ok ? await answer.text() : ''];
      } catch {
        return [new URL(url).host, ''];
      }
    }),
  );
  const up = bodies.map(([process, body]) => `chartly_process_up{process="${process}"} ${body === '' ? 0 : 1}`);
  const head = ['# HELP chartly_process_up Whether a process gave its metrics.', '# TYPE chartly_process_up gauge'];
  return {
    contentType: own.contentType,
    body: `${merge([['', own.body], ...bodies])}${[...head, ...up].join('\n')}\n`,
  };
}

interface Family {
  head: string[];
  samples: string[];
}

/** Samples of one metric must stand together, under one head. */
function merge(bodies: readonly [string, string][]): string {
  const families = new Map<string, Family>();
  for (const [process, body] of bodies) {
    let family: Family = { head: [], samples: [] };
    let known = false;
    for (const line of body.split('\n')) {
      const [, kind, name] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
      if (kind === 'HELP' && name !== undefined) {
        known = families.has(name);
        family = families.get(name) ?? { head: [], samples: [] };
        families.set(name, family);
      }
      if (kind !== undefined) {
        if (!known) family.head.push(line);
      } else if (line !== '' && !line.startsWith('#')) family.samples.push(labelled(line, process));
    }
  }
  return [...families.values()].flatMap(({ head, samples }) => [...head, ...samples, '']).join('\n');
}

function labelled(line: string, process: string): string {
  const found = /^([^\s{]+)(\{(.*)\})?(\s.*)$/.exec(line);
  if (process === '' || found === null) return line;
  const [, name, , labels, rest] = found;
  return `${name}{${labels ? `${labels},` : ''}process="${process}"}${rest}`;
}
