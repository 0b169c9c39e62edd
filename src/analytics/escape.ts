const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text as it may stand in HTML or XML content and quoted attributes. Characters that XML forbids become U+FFFD. */
export function escapeMarkup(text: string): string {
  return text.replaceAll(/(?![\t\n\r])[\p{Cc}\ufffe\uffff]/gu, '\ufffd').replaceAll(/[&<>"']/g, (c) => entities[c]!);
}
