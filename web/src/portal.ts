// Comfort for the library: live search, arrow keys between tiles, the person menu, the theme.
import { all, announce } from './lib/dom.ts';
import { matches } from './lib/search.ts';
import { theme } from './lib/theme.ts';

function search(): void {
  const form = document.querySelector<HTMLFormElement>('form[data-find]');
  const input = form?.querySelector('input');
  if (!form || !input) return;
  const groups = all<HTMLElement>('[data-group]');
  const none = document.querySelector<HTMLElement>('[data-none]');
  const query = document.querySelector<HTMLElement>('[data-none-query]');
  const filter = (): void => {
    let found = 0;
    for (const group of groups) {
      const tiles = all<HTMLElement>('[data-text]', group);
      const shown = tiles.filter((tile) => {
        tile.hidden = !matches(input.value, tile.dataset['text'] ?? '');
        return !tile.hidden;
      }).length;
      group.hidden = shown === 0;
      const count = group.querySelector('.count');
      if (count) count.textContent = String(shown);
      found += shown;
    }
    if (none) none.hidden = found > 0;
    if (query) query.textContent = input.value;
    const address = new URL(location.href);
    if (input.value) address.searchParams.set('q', input.value);
    else address.searchParams.delete('q');
    history.replaceState(null, '', address);
    announce(found === 1 ? '1 application' : `${found} applications`);
  };
  // The server already filtered when the address carries a query: only a full list can be filtered here.
  if (!form.dataset['find']) {
    input.addEventListener('input', filter);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      all<HTMLAnchorElement>('a.tile').find((tile) => tile.offsetParent)?.focus();
    });
  }
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

function menu(): void {
  const box = document.querySelector<HTMLDetailsElement>('details.who-menu');
  if (!box) return;
  addEventListener('click', (event) => {
    if (event.target instanceof Node && !box.contains(event.target)) box.open = false;
  });
  box.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !box.open) return;
    box.open = false;
    box.querySelector('summary')?.focus();
  });
}

theme();
search();
arrows();
menu();
