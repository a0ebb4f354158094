// Comfort for the portal: live search, arrow keys, favourites, the account menu, the theme, copying, the save bar.
import { copy } from './lib/comfort.ts';
import { all, announce } from './lib/dom.ts';
import { live } from './lib/live.ts';
import { menu } from './lib/menu.ts';
import { saveBar } from './lib/save-bar.ts';
import { matches, rank } from './lib/search.ts';
import { sections } from './lib/sections.ts';
import { choices } from './lib/stars.ts';
import { theme } from './lib/theme.ts';
import { wordmark } from './lib/wordmark.ts';

function search(): void {
  const form = document.querySelector<HTMLFormElement>('form[data-find]');
  const input = form?.querySelector('input');
  if (!form || !input) return;
  const groups = all<HTMLElement>('[data-group]');
  const front = all<HTMLElement>('[data-front]');
  const none = document.querySelector<HTMLElement>('[data-none]');
  const query = document.querySelector<HTMLElement>('[data-none-query]');
  // As the server wrote them: the order that comes back when the search is empty.
  const order = new Map(groups.map((group) => [group, all<HTMLElement>('[data-text]', group)]));
  const filter = (): void => {
    let found = 0;
    for (const [group, tiles] of order) {
      // Hits at the start of a name come before those inside a word.
      const at = (tile: HTMLElement): number => (input.value.trim() ? rank(input.value, tile.dataset['text'] ?? '') : 0);
      tiles[0]?.parentElement?.append(...[...tiles].sort((a, b) => at(a) - at(b)));
      const shown = tiles.filter((tile) => {
        tile.hidden = !matches(input.value, tile.dataset['text'] ?? '');
        return !tile.hidden;
      }).length;
      group.hidden = shown === 0;
      for (const count of all(`#${group.id} .count, a[href="#${group.id}"] .n`)) count.textContent = String(shown);
      for (const link of all<HTMLElement>(`a[href="#${group.id}"]`)) link.hidden = shown === 0;
      found += shown;
    }
    // A search is about all tiles: those in front are among them.
    for (const section of front) section.hidden = input.value.trim() !== '' || !section.querySelector('li');
    for (const link of all<HTMLElement>('a[href="#favourites"]')) link.hidden = front.every((section) => section.hidden || section.id !== 'favourites');
    if (none) none.hidden = found > 0;
    if (query) query.textContent = input.value;
    const address = new URL(location.href);
    if (input.value) address.searchParams.set('q', input.value);
    else address.searchParams.delete('q');
    history.replaceState(null, '', address);
    announce(found === 1 ? '1 application' : `${found} applications`);
  };
  input.addEventListener('input', filter);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const hits = all<HTMLAnchorElement>('a.tile').filter((tile) => tile.offsetParent);
    const at = (tile: HTMLAnchorElement): number => rank(input.value, tile.closest<HTMLElement>('[data-text]')?.dataset['text'] ?? '');
    if (input.value.trim()) hits.sort((a, b) => at(a) - at(b))[0]?.click();
  });
  if (input.value) filter();
  addEventListener('keydown', (event) => {
    const at = event.target;
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
    if (at instanceof HTMLInputElement || at instanceof HTMLTextAreaElement || at instanceof HTMLSelectElement) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}

/** The nearest tile in the direction of an arrow key. */
function arrows(): void {
  addEventListener('keydown', (event) => {
    const from = event.target;
    if (!(from instanceof HTMLElement) || !from.matches('a.tile')) return;
    const horizontal = event.key === 'ArrowLeft' || event.key === 'ArrowRight';
    if (!horizontal && event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
    const here = from.getBoundingClientRect();
    const sign = event.key === 'ArrowLeft' || event.key === 'ArrowUp' ? -1 : 1;
    let best: HTMLElement | undefined;
    let least = Infinity;
    for (const tile of all<HTMLElement>('a.tile')) {
      if (!tile.offsetParent || tile === from) continue;
      const box = tile.getBoundingClientRect();
      const along = horizontal ? (box.left - here.left) * sign : (box.top - here.top) * sign;
      const across = Math.abs(horizontal ? box.top - here.top : box.left - here.left);
      if (along <= 1 || (horizontal && across > 1)) continue;
      const distance = along + across * 2;
      if (distance < least) {
        least = distance;
        best = tile;
      }
    }
    if (!best) return;
    event.preventDefault();
    best.focus();
  });
  for (const hint of all<HTMLElement>('[data-hints]')) hint.hidden = false;
}

theme();
wordmark();
search();
arrows();
menu();
copy();
saveBar();
sections();
choices();
live();
