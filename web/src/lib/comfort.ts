import { all, announce } from './dom.ts';

/** Shows the reveal buttons that wait hidden in the markup and lets them uncover their password field. */
export function reveal(): void {
  for (const button of all<HTMLButtonElement>('[data-reveal]')) {
    const input = document.getElementById(button.dataset['reveal'] ?? '');
    if (!(input instanceof HTMLInputElement)) continue;
    const show = (shown: boolean): void => {
      input.type = shown ? 'text' : 'password';
      button.setAttribute('aria-pressed', String(shown));
    };
    button.addEventListener('click', () => {
      show(input.type === 'password');
      input.focus();
    });
    // Password managers and the next page must see a password field again.
    input.form?.addEventListener('submit', () => show(false));
    button.hidden = false;
  }
}

/** Marks the pressed button as busy and refuses a second submit. A page that comes back from the history is reset. */
export function busy(): void {
  const pressed = new Map<HTMLButtonElement, string>();
  for (const form of all<HTMLFormElement>('form[method="post"]')) {
    form.addEventListener('submit', (event) => {
      if (event.defaultPrevented) return;
      if (form.dataset['sent']) {
        event.preventDefault();
        return;
      }
      form.dataset['sent'] = '1';
      const by = event.submitter ?? form.querySelector('button[type="submit"]');
      if (!(by instanceof HTMLButtonElement)) return;
      const label = by.querySelector<HTMLElement>('[data-label]');
      pressed.set(by, label?.textContent ?? '');
      by.style.minInlineSize = `${by.offsetWidth}px`;
      by.setAttribute('aria-busy', 'true');
      if (label && by.dataset['busy']) label.textContent = by.dataset['busy'];
    });
  }
  addEventListener('pageshow', (event) => {
    if (!event.persisted) return;
    for (const form of all<HTMLFormElement>('form[data-sent]')) delete form.dataset['sent'];
    for (const [button, text] of pressed) {
      button.removeAttribute('aria-busy');
      const label = button.querySelector<HTMLElement>('[data-label]');
      if (label) label.textContent = text;
    }
    pressed.clear();
  });
}

/** Puts the focus on the first field with an error, else on what asks for it, else on the title. */
export function focus(): void {
  const wrong = document.querySelector<HTMLElement>('[aria-invalid="true"]');
  const first = wrong ?? document.querySelector<HTMLElement>('[autofocus]') ?? document.querySelector<HTMLElement>('main h1');
  if (!first || document.activeElement === first) return;
  if (first.tagName === 'H1') first.tabIndex = -1;
  first.focus({ preventScroll: first.tagName === 'H1' });
}

/** Once a field is wrong it is checked on every key, so that the error leaves the moment the field is filled. */
export function recheck(): void {
  for (const field of all<HTMLInputElement>('input[aria-invalid="true"], textarea[aria-invalid="true"]')) {
    field.addEventListener('input', () => {
      if (!field.checkValidity()) return;
      field.removeAttribute('aria-invalid');
      field.closest('.is-invalid')?.classList.remove('is-invalid');
      document.getElementById(`${field.id}-error`)?.remove();
    });
  }
}

/** Sends forms that only carry values to an application. */
export function autosubmit(): void {
  const form = document.querySelector<HTMLFormElement>('form[data-autosubmit]');
  // A value of the application may be called like a method of the form.
  if (form) HTMLFormElement.prototype.requestSubmit.call(form);
}

/** Shows the copy buttons; "Copied" is said once, and shown for a moment. */
export function copy(): void {
  if (!navigator.clipboard) {
    for (const button of all<HTMLButtonElement>('[data-tools] [data-copy]')) button.hidden = true;
    return;
  }
  for (const button of all<HTMLButtonElement>('[data-copy]')) {
    const label = button.querySelector<HTMLElement>('[data-label]');
    const words = label?.textContent ?? '';
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(button.dataset['copy'] ?? '');
        announce('Copied');
        if (!label) return;
        label.textContent = 'Copied';
        setTimeout(() => (label.textContent = words), 1500);
      } catch {
        announce('Not copied. Select the text and copy it by hand.');
      }
    });
    button.hidden = false;
  }
}

/** Saving and printing what is shown once (recovery codes). */
export function keep(): void {
  for (const button of all<HTMLButtonElement>('[data-save]')) {
    button.addEventListener('click', () => {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([`${button.dataset['save'] ?? ''}\n`], { type: 'text/plain' }));
      link.download = button.dataset['file'] ?? 'codes.txt';
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  }
  for (const button of all<HTMLButtonElement>('[data-print]')) button.addEventListener('click', () => print());
  for (const box of all<HTMLElement>('[data-tools]')) box.hidden = false;
}

const REMEMBERED = 'signet.username';

/** "Remember me": keeps the username, and only that, in this browser. */
export function remember(): void {
  const box = document.querySelector<HTMLInputElement>('input[data-remember]');
  const field = box?.form?.querySelector<HTMLInputElement>('input[name="uid_field"]');
  if (!box || !field) return;
  const store = (act: (storage: Storage) => void): void => {
    try {
      act(localStorage);
    } catch {
      // Storage may be switched off: the page works without it.
    }
  };
  store((storage) => {
    const known = storage.getItem(REMEMBERED);
    if (!known) return;
    box.checked = true;
    if (!field.value) field.value = known;
  });
  box.form?.addEventListener('submit', () => {
    store((storage) => (box.checked ? storage.setItem(REMEMBERED, field.value) : storage.removeItem(REMEMBERED)));
  });
}

/** Sends chosen files as data URIs in an ordinary form post. */
export function files(): void {
  for (const input of all<HTMLInputElement>('input[type="file"][name]')) {
    const hidden = document.createElement('input');
    hidden.type = 'hidden';
    hidden.name = input.name;
    input.removeAttribute('name');
    input.after(hidden);
    const { form } = input;
    let reading = false;
    input.addEventListener('change', () => {
      const file = input.files?.[0];
      hidden.value = '';
      if (!file) return;
      const reader = new FileReader();
      reading = true;
      reader.addEventListener('loadend', () => {
        reading = false;
        if (typeof reader.result === 'string') hidden.value = reader.result;
      });
      reader.readAsDataURL(file);
    });
    form?.addEventListener('submit', (event) => {
      if (reading) event.preventDefault();
    });
  }
}
