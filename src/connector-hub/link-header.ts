/** The target of the first link with this relation in a Link header (RFC 8288). */
export function linkTarget(header: string | undefined, relation: string): string | undefined {
  for (const { target, rel } of parseLinks(header ?? '')) {
    if (rel.toLowerCase().split(/\s+/).includes(relation)) return target;
  }
  return undefined;
}

/** Commas and semicolons may stand in a target and in quoted values, so links and parameters are matched whole. */
function* parseLinks(header: string): Generator<{ target: string; rel: string }> {
  const link = /<([^>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"(?:\\.|[^"\\])*"|[^\s;,"]*))?)*)/g;
  const parameter = /;\s*([^\s=;,]+)(?:\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s;,"]*)))?/g;
  for (const [, target, parameters] of header.matchAll(link)) {
    const rels = [...parameters!.matchAll(parameter)].filter(([, name]) => name!.toLowerCase() === 'rel');
    yield { target: target!.trim(), rel: rels[0]?.[2] ?? rels[0]?.[3] ?? '' };
  }
}
