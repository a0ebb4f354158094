import { all } from './dom.ts';

/** A logo wider than three times its height carries the name already: the title beside it stays for readers only. */
export function wordmark(): void {
  for (const logo of all<HTMLImageElement>('img.logo')) {
    const title = logo.closest('.card__brand, .topbar__brand')?.querySelector('span');
    const look = (): void => {
      if (logo.naturalHeight > 0 && logo.naturalWidth > 3 * logo.naturalHeight) title?.classList.add('vh');
    };
    if (logo.complete) look();
    else logo.addEventListener('load', look);
  }
}
