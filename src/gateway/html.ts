/** Text that stands in HTML as text, whatever it holds. */
export interface Html {
  readonly html: string;
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

type Part = string | number | Html | readonly Html[];

/** A template whose values are escaped unless they are HTML made by this same function. Attributes must stand in quotes. */
export function html(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  let out = strings[0]!;
  values.forEach((value, n) => {
    out += render(value) + strings[n + 1]!;
  });
  return { html: out };
}

function render(value: Part): string {
  if (Array.isArray(value)) return value.map((part: Html) => part.html).join('');
  if (typeof value === 'object') return (value as Html).html;
  return String(value).replace(/[&<>"']/g, (found) => escapes[found]!);
}
