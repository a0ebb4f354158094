import { all, announce } from './dom.ts';

/** Posts a choice of the library; false where the server did not keep it. */
async function keep(form: HTMLFormElement, name: string, value: string): Promise<boolean> {
  const body = new URLSearchParams({ csrf: form.querySelector<HTMLInputElement>('input[name="csrf"]')?.value ?? '', [name]: value });
  try {
    // Without a session, or with a token that is over, the answer is a redirect.
    const answer = await fetch(form.action, { method: 'POST', body, headers: { Accept: 'application/json' }, redirect: 'manual' });
    return answer.status === 204;
  } catch {
    return false;
  }
}

const NOT_KEPT = 'That was not saved. Reload the page and try again.';

/** Marks favourites without a reload: the star, the tiles in front, the count beside the groups. */
function favourites(): void {
  const front = document.querySelector<HTMLElement>('[data-front="favourites"]');
  const list = front?.querySelector('ul');
  if (!front || !list) return;
  const stars = (key: string): HTMLButtonElement[] => all<HTMLButtonElement>('button.star').filter((star) => star.value === key);
  const set = (key: string, on: boolean): void => {
    const here = document.activeElement?.closest('li');
    for (const star of stars(key)) {
      star.setAttribute('aria-pressed', String(on));
      star.name = on ? 'unstar' : 'star';
    }
    const item = stars(key).find((star) => star.closest('[data-group]'))?.closest('li');
    const shown = stars(key).filter((star) => list.contains(star)).map((star) => star.closest('li'));
    if (on && item && shown.length === 0) {
      const copy = item.cloneNode(true) as HTMLElement;
      copy.removeAttribute('data-text');
      copy.hidden = false;
      list.append(copy);
    }
    if (!on) {
      // The focus must not be lost with a tile that goes.
      if (here && list.contains(here)) item?.querySelector<HTMLElement>(document.activeElement?.matches('.star') ? '.star' : 'a.tile')?.focus();
      for (const one of shown) one?.remove();
    }
    const count = list.children.length;
    front.hidden = count === 0 || (document.querySelector<HTMLInputElement>('form[data-find] input')?.value.trim() ?? '') !== '';
    for (const number of all<HTMLElement>('#favourites .count, a[href="#favourites"] .n')) number.textContent = String(count);
    for (const link of all<HTMLElement>('a[href="#favourites"]')) link.hidden = count === 0;
  };
  const toggle = async (star: HTMLButtonElement): Promise<void> => {
    const [form, name, on] = [star.form, star.name, star.name === 'star'];
    if (!form) return;
    const title = star.getAttribute('aria-label')?.replace(/^[^:]*: /, '') ?? '';
    set(star.value, on);
    if (await keep(form, name, star.value)) return announce(on ? `${title} is a favourite.` : `${title} is no favourite any more.`);
    set(star.value, !on);
    announce(NOT_KEPT);
  };
  addEventListener('click', (event) => {
    const star = event.target instanceof Element ? event.target.closest<HTMLButtonElement>('button.star') : null;
    if (!star) return;
    event.preventDefault();
    void toggle(star);
  });
  addEventListener('keydown', (event) => {
    if (event.key.toLowerCase() !== 'f' || event.ctrlKey || event.metaKey || event.altKey) return;
    const tile = document.activeElement?.closest('a.tile, button.star');
    const star = tile?.closest('li')?.querySelector<HTMLButtonElement>('button.star');
    if (!star) return;
    event.preventDefault();
    void toggle(star);
  });
}

/** Changes the view without a reload. */
function views(): void {
  const form = document.querySelector<HTMLFormElement>('form[data-views]');
  const main = document.querySelector<HTMLElement>('main[data-view]');
  if (!form || !main) return;
  const buttons = all<HTMLButtonElement>('button[name="view"]', form);
  const show = (view: string): void => {
    main.dataset['view'] = view;
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.value === view));
  };
  form.addEventListener('submit', (event) => {
    const button = event.submitter;
    if (!(button instanceof HTMLButtonElement)) return;
    event.preventDefault();
    const before = main.dataset['view'] ?? '';
    show(button.value);
    void keep(form, 'view', button.value).then((kept) => {
      if (kept) return;
      show(before);
      announce(NOT_KEPT);
    });
  });
}

/** What a person chooses in the library. */
export function choices(): void {
  favourites();
  views();
}
