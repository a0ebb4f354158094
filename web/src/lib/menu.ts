import { all } from './dom.ts';

/** The account menu: closes when it is left, arrow keys move between its items. */
export function menu(): void {
  const box = document.querySelector<HTMLDetailsElement>('details.who-menu');
  if (!box) return;
  addEventListener('click', (event) => {
    if (event.target instanceof Node && !box.contains(event.target)) box.open = false;
  });
  // Whoever leaves it by keyboard must not find it over what has the focus.
  box.addEventListener('focusout', (event) => {
    if (event.relatedTarget instanceof Node && !box.contains(event.relatedTarget)) box.open = false;
  });
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && box.open) {
      box.open = false;
      box.querySelector('summary')?.focus();
    }
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    box.open = true;
    const items = all<HTMLElement>('.menu__item', box);
    const at = items.findIndex((item) => item === document.activeElement);
    items[at === -1 && step < 0 ? items.length - 1 : (at + step + items.length) % items.length]?.focus();
  });
}
