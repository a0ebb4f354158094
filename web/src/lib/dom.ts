/** All elements below `root` that match, typed by the caller. */
export function all<T extends Element>(selector: string, root: ParentNode = document): T[] {
  return [...root.querySelectorAll<T>(selector)];
}

/** A new element with a class, text and attributes. Text is always text, never markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  text = '',
  attributes: Record<string, string> = {},
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Says `text` once to screen readers. */
export function announce(text: string): void {
  let region = document.querySelector<HTMLElement>('[data-announce]');
  if (!region) {
    region = make('p', 'vh', '', { role: 'status', 'data-announce': '' });
    document.body.append(region);
  }
  region.textContent = text;
}
