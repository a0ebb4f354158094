// Steps that wait for something elsewhere: Duo's activation, slow answers.
import { all, announce, make } from './dom.ts';

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

/** `0:42` */
export function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Buttons `data-wait` rest for so many seconds after what they do was done; their words count down. */
export function rests(): void {
  for (const button of all<HTMLButtonElement>('button[data-wait]')) {
    const label = button.querySelector<HTMLElement>('[data-label]');
    const until = Date.now() + Number(button.dataset['wait']) * 1_000;
    const words = label?.textContent ?? '';
    if (!label || Number.isNaN(until)) continue;
    const tick = (): void => {
      const left = Math.ceil((until - Date.now()) / 1_000);
      button.disabled = left > 0;
      label.textContent = left > 0 ? `${words} in ${clock(left)}` : words;
      if (left > 0) setTimeout(tick, 500);
      else announce(`${words}: possible now`);
    };
    tick();
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
