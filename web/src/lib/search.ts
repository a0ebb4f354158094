/** Lower case without accents, so that "cafe" finds "Café". */
export function fold(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

/** True when every word of `query` occurs in `text`. An empty query finds everything. */
export function matches(query: string, text: string): boolean {
  const inside = fold(text);
  return fold(query).split(/\s+/).every((word) => inside.includes(word));
}

/** Where the first word stands: 0 at the start of the text, 1 at the start of a word, 2 inside one. */
export function rank(query: string, text: string): number {
  const [first = ''] = fold(query).trim().split(/\s+/);
  const inside = fold(text);
  if (inside.startsWith(first)) return 0;
  return new RegExp(`[^\\p{L}\\p{N}]${first.replace(/[^\p{L}\p{N}]/gu, '\\$&')}`, 'u').test(inside) ? 1 : 2;
}
