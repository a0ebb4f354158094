// Steps that wait for something elsewhere: Duo's activation, slow answers.
import { all, make } from './dom.ts';

const EVERY = 3_000;
const LONGEST = 10 * 60_000;
const SLOW = 800;

/** Asks whether Duo was set up on the phone, and goes on when it was. */
export function duo(): void {
  for (const box of all<HTMLElement>('[data-duo]')) {
    const address = box.dataset['duo'];
    const form = box.closest('form');
    const note = box.querySelector<HTMLElement>('[data-part="waiting"]');
    const token = form?.querySelector<HTMLInputElement>('input[name="csrf"]')?.value ?? '';
    if (!address || !form) continue;
    if (note) note.hidden = false;
    const until = Date.now() + LONGEST;
    const look = async (): Promise<void> => {
      let state = 'waiting';
      try {
        const answer = await fetch(address, { method: 'POST', headers: { Accept: 'application/json', 'X-authentik-CSRF': token }, credentials: 'same-origin' });
        if (answer.ok) state = String(((await answer.json()) as { duo_response?: unknown }).duo_response);
        else if (answer.status >= 400 && answer.status < 500) state = 'refused';
      } catch {
        // The connection may come back.
      }
      if (state === 'success') form.requestSubmit();
      else if (state === 'waiting' && Date.now() < until) setTimeout(() => void look(), EVERY);
      else if (note) note.hidden = true;
    };
    setTimeout(() => void look(), EVERY);
  }
}

/** A thin line at the top while an answer takes long. */
export function progress(): void {
  let line: HTMLElement | undefined;
  addEventListener('submit', (event) => {
    setTimeout(() => {
      if (event.defaultPrevented || line) return;
      line = make('div', 'progress', '', { role: 'progressbar', 'aria-label': 'Waiting for the answer' });
      document.body.append(line);
    }, SLOW);
  });
  addEventListener('pageshow', (event) => {
    if (!event.persisted) return;
    line?.remove();
    line = undefined;
  });
}
