// How hard a new password is to guess, roughly, while it is typed. What counts is the judgement of the server.
import { all, announce } from './dom.ts';
import { fold } from './search.ts';

/** What guessing programs try first, and the rows that fingers run along. */
const WORDS = [
  'administrator', 'willkommen', 'authentik', 'passwort', 'password', 'football', 'sunshine', 'princess', 'changeme',
  'superman', 'iloveyou', 'letmein', 'welcome', 'trustno', 'geheim', 'dragon', 'monkey', 'summer', 'winter', 'spring',
  'autumn', 'sommer', 'secret', 'master', 'shadow', 'batman', 'signet', 'login', 'hello', 'hallo', 'admin', 'test', 'user', 'root',
];
const ROWS = ['abcdefghijklmnopqrstuvwxyz', '01234567890', 'qwertyuiop', 'qwertzuiop', 'azertyuiop', 'asdfghjkl', 'zxcvbnm', 'yxcvbnm'];
const LIKE: Record<string, string> = { '@': 'a', '4': 'a', '3': 'e', '1': 'i', '!': 'i', '0': 'o', $: 's', '5': 's', '7': 't' };
/** Bits that one of the words above is worth, and one that stands on the page: a name, an address. */
const OF_A_WORD = 8;
const OF_A_NAME = 3;
/** Bits from which a password is one step further, and what is said there. */
const STEPS = [0, 30, 45, 60];
const SAID = ['Easy to guess', 'Could be longer', 'Good', 'Strong'];

/** Characters that do not follow from the one before: repeated ones, and the next along a row, count little. */
function surprising(text: string): string {
  let kept = '';
  let run = 0;
  for (const [at, letter] of [...text].entries()) {
    const pair = text.slice(Math.max(at - 1, 0), at + 1);
    const back = [...pair].reverse().join('');
    const follows = at > 0 && (pair === back || ROWS.some((row) => row.includes(pair) || row.includes(back)));
    run = follows ? run + 1 : 0;
    // Two in a row happen in any word.
    if (run < 2) kept += letter;
  }
  return kept;
}

/** Guesses in bits. `names` stand on the page, where a guesser reads them too. */
export function bits(password: string, names: readonly string[] = []): number {
  let text = fold(password);
  let sum = 0;
  const remove = (plain: string, word: string, worth: number): void => {
    const at = plain.indexOf(word);
    if (word.length < 3 || at < 0) return;
    text = text.slice(0, at) + text.slice(at + word.length);
    sum += worth;
  };
  for (const name of names) for (const part of fold(name).split(/[^\p{L}\p{N}]+/u)) remove(text, part, OF_A_NAME);
  for (const word of WORDS) remove([...text].map((letter) => LIKE[letter] ?? letter).join(''), word, OF_A_WORD);
  const rest = surprising(text);
  let kinds = 0;
  if (/\p{L}/u.test(rest)) kinds += 26;
  if (/\p{Lu}/u.test(password)) kinds += 26;
  if (/\p{N}/u.test(rest)) kinds += 10;
  if (/[^\p{L}\p{N}]/u.test(rest)) kinds += 20;
  const different = new Set(rest).size;
  return sum + Math.min(rest.length, different * 2) * Math.log2(Math.max(kinds, 2));
}

/** From 1 to 4, and the words; 0 while it is shorter than what is needed. */
export function strength(password: string, least: number, names: readonly string[] = []): [number, string] {
  const length = [...password].length;
  const letters = length === 1 ? '1 character' : `${length} characters`;
  if (length < least) return [0, `${letters} of at least ${least}.`];
  const guesses = bits(password, names);
  const step = STEPS.filter((limit) => guesses >= limit).length;
  return [step, `${SAID[step - 1]}, ${letters}.`];
}

/** Fills the bars `data-strength`; their words stand in the place of the help while something is typed. */
export function strengths(): void {
  for (const bar of all<HTMLElement>('[data-strength]')) {
    const input = document.getElementById(bar.dataset['strength'] ?? '');
    const help = input && document.getElementById(`${input.id}-help`);
    if (!(input instanceof HTMLInputElement) || !help) continue;
    const before = help.textContent ?? '';
    const steps = all<HTMLElement>('i', bar);
    const names = (): string[] =>
      all<HTMLInputElement>('input', input.form ?? document)
        .filter((other) => other !== input && ['text', 'email'].includes(other.type))
        .map((other) => other.value);
    let pause: ReturnType<typeof setTimeout> | undefined;
    const show = (): void => {
      const [step, words] = strength(input.value, Number(bar.dataset['least']), names());
      bar.dataset['step'] = input.value ? String(step) : '';
      steps.forEach((mark, at) => mark.classList.toggle('on', input.value !== '' && at < step));
      help.textContent = input.value ? words : before;
      clearTimeout(pause);
      // Readers hear it when the typing pauses.
      if (input.value) pause = setTimeout(() => announce(words), 900);
    };
    input.addEventListener('input', show);
    // A browser that comes back keeps what was typed.
    if (input.value) show();
  }
}
