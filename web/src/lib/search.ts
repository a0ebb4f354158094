/** Lower case without accents, so that "cafe" finds "Café". */
export function fold(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

/** True when every word of `query` occurs in `text`. An empty query finds everything. */
export function matches(query: string, text: string): boolean {
  const inside = fold(text);
  return fold(query).split(/\s+/).every((word) => inside.includes(word));
}
