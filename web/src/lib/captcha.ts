// Captchas: loads the service's script and sends what it says. The page's policy lets in the configured host only.
import { all } from './dom.ts';

interface Service {
  ready?: (then: () => void) => void;
  render: (box: HTMLElement, settings: Record<string, unknown>) => unknown;
  execute?: (...given: unknown[]) => unknown;
}

/** The interface of a loaded script. reCAPTCHA, hCaptcha and Turnstile share their shape. */
export function service(from: Record<string, unknown>): Service | undefined {
  for (const name of ['turnstile', 'hcaptcha', 'grecaptcha']) {
    const found = from[name] as (Service & { enterprise?: Service }) | undefined;
    const use = found?.enterprise ?? found;
    if (use && (typeof use.render === 'function' || typeof use.ready === 'function')) return use;
  }
  return undefined;
}

function run(box: HTMLElement): void {
  const { captcha, siteKey = '', field = '', interactive, sends } = box.dataset;
  const part = (name: string): HTMLElement | null => box.querySelector<HTMLElement>(`[data-part="${name}"]`);
  const input = box.parentElement?.querySelector<HTMLInputElement>(`input[name="${field}"]`);
  const place = part('box');
  const form = input?.form;
  if (!captcha || !input || !place || !form) return;
  const waiting = (shown: boolean): void => {
    const note = part('waiting');
    if (note) note.hidden = !shown;
    place.hidden = shown;
  };
  const failed = (): void => {
    const notice = part('failed');
    if (notice) notice.hidden = false;
    waiting(false);
    place.hidden = true;
  };
  const answered = (token: string): void => {
    input.value = token;
    if (sends !== undefined) form.requestSubmit();
  };
  // Anybody who is quicker than the check waits for it.
  form.addEventListener('submit', (event) => {
    // A passkey needs no check.
    if (input.value || form.querySelector<HTMLInputElement>('input[name="passkey"]')?.value) return;
    event.preventDefault();
    if (part('failed')?.hidden !== false) part('waiting')?.scrollIntoView({ block: 'nearest' });
  });
  const start = (use: Service): void => {
    const settings = { sitekey: siteKey, callback: answered, 'error-callback': failed, 'expired-callback': () => (input.value = '') };
    try {
      if (interactive !== undefined) {
        waiting(false);
        use.render(place, { ...settings, theme: matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light' });
        return;
      }
      const id = use.render(place, { ...settings, size: 'invisible' });
      place.hidden = false;
      if (typeof use.execute === 'function') void use.execute(id);
    } catch {
      failed();
    }
  };
  const script = document.createElement('script');
  const address = new URL(captcha);
  // Without this the services look for marked elements by themselves, before ours is ready.
  if (!address.searchParams.has('render')) address.searchParams.set('render', 'explicit');
  script.src = address.href;
  script.async = true;
  script.addEventListener('error', failed);
  script.addEventListener('load', () => {
    const use = service(window as unknown as Record<string, unknown>);
    if (!use) failed();
    else if (typeof use.ready === 'function' && !('turnstile' in window)) use.ready(() => start(use));
    else start(use);
  });
  document.head.append(script);
}

/** Serves the elements `data-captcha`. */
export function captchas(): void {
  for (const box of all<HTMLElement>('[data-captcha]')) run(box);
}
