import { all } from './dom.ts';

/** Keeps the digits of what was typed or pasted ("482 913", "482-913"), at most `length` of them. */
export function digits(text: string, length: number): string {
  return text.replace(/\D/g, '').slice(0, length);
}

/** One-time codes: cleans what is pasted, marks the current slot, submits once at the last digit (never after an error). */
export function codes(): void {
  for (const box of all<HTMLElement>('[data-code]')) {
    const input = box.querySelector('input');
    if (!input) continue;
    const length = input.maxLength > 0 ? input.maxLength : 6;
    const slots = all<HTMLElement>('.otp__slots i', box);
    let submits = input.getAttribute('aria-invalid') !== 'true';
    // A pasted "482 913" has seven characters: the limit is kept by digits() instead.
    input.removeAttribute('maxlength');
    const mark = (): void => {
      const at = Math.min(input.value.length, length - 1);
      slots.forEach((slot, index) => slot.classList.toggle('on', document.activeElement === input && index === at));
    };
    input.addEventListener('input', () => {
      const clean = digits(input.value, length);
      if (clean !== input.value) input.value = clean;
      mark();
      if (clean.length === length && submits) {
        submits = false;
        input.form?.requestSubmit();
      }
    });
    input.addEventListener('focus', mark);
    input.addEventListener('blur', mark);
    if (!submits) {
      input.focus();
      input.select();
    }
    mark();
  }
}
