// A proof of work beside a password: computed while it is typed, in slices, so that the page stays quick.
import { all } from './dom.ts';
import { sha256 } from './sha256.ts';

const SLICE = 12;

/** Looks from `nonce` on for an answer whose digest begins with so many zero bits, for some milliseconds. */
export function find(challenge: string, bits: number, nonce: number, milliseconds: number): { answer?: string; nonce: number } {
  const until = performance.now() + milliseconds;
  for (;;) {
    for (let end = nonce + 256; nonce < end; nonce++) {
      const answer = `${challenge}:${nonce}`;
      if (Math.clz32(sha256(answer)[0]!) >= bits) return { answer, nonce };
    }
    if (performance.now() >= until) return { nonce };
  }
}

function run(input: HTMLInputElement): void {
  const { challenge = '', bits = '' } = input.dataset;
  const form = input.form;
  if (!challenge || !form) return;
  let waiting: HTMLElement | null | undefined;
  const step = (from: number): void => {
    const { answer, nonce } = find(challenge, Number(bits), from, SLICE);
    if (answer === undefined) {
      setTimeout(() => step(nonce));
      return;
    }
    input.value = answer;
    if (waiting !== undefined) form.requestSubmit(waiting);
  };
  // Whoever is quicker than it waits for it.
  form.addEventListener('submit', (event) => {
    if (input.value) return;
    event.preventDefault();
    waiting = event.submitter;
    const note = form.querySelector<HTMLElement>('[data-part="proof"]');
    if (note) note.hidden = false;
  });
  step(0);
}

/** Serves the inputs `data-challenge`. */
export function proofs(): void {
  for (const input of all<HTMLInputElement>('input[data-challenge]')) run(input);
}
