import { all } from './dom.ts';

/** Distance from the top of the window at which a section counts as the one that is read. */
const READ_AT = 140;

/** Marks the link of the section that is read in lists of sections. */
export function sections(): void {
  for (const list of all<HTMLElement>('[data-sections]')) {
    const links = all<HTMLAnchorElement>('a[href^="#"]', list);
    const target = (link: HTMLAnchorElement): HTMLElement | null => document.getElementById(link.hash.slice(1));
    const mark = (): void => {
      const shown = links.filter((link) => target(link)?.offsetParent);
      const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2 && scrollY > 0;
      const passed = shown.filter((link) => (target(link)?.getBoundingClientRect().top ?? Infinity) <= READ_AT);
      const current = atEnd ? shown.at(-1) : (passed.at(-1) ?? shown[0]);
      for (const link of links) {
        if (link === current) link.setAttribute('aria-current', 'true');
        else link.removeAttribute('aria-current');
      }
    };
    addEventListener('scroll', mark, { passive: true });
    addEventListener('hashchange', mark);
    mark();
  }
}
