import { all } from './dom.ts';

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** Whether a control differs from what the page came with. */
function isChanged(control: Control): boolean {
  if (control instanceof HTMLSelectElement) return [...control.options].some((option) => option.selected !== option.defaultSelected);
  if (control instanceof HTMLInputElement && ['checkbox', 'radio'].includes(control.type)) return control.checked !== control.defaultChecked;
  return control.type !== 'hidden' && control.value !== control.defaultValue;
}

/** "1 unsaved change" */
export function changes(count: number): string {
  return count === 1 ? '1 unsaved change' : `${count} unsaved changes`;
}

/** The bar that counts what is not saved in the form of `data-details`, saves and discards it. */
export function saveBar(): void {
  const bar = document.querySelector<HTMLElement>('[data-savebar]');
  const form = document.querySelector<HTMLFormElement>('[data-details] form');
  const part = (name: string): HTMLElement | null => bar?.querySelector<HTMLElement>(`[data-part="${name}"]`) ?? null;
  const [count, names] = [part('count'), part('fields')];
  if (!bar || !form || !count || !names) return;
  const controls = all<Control>('input, select, textarea', form);
  // What a refused form shows again is not saved either.
  const refused = form.querySelector('[aria-invalid="true"], [role="alert"]') !== null;
  let leaving = false;
  const changed = (): Control[] => controls.filter(isChanged);
  const update = (): void => {
    const found = changed();
    bar.hidden = found.length === 0 && !refused;
    count.textContent = found.length === 0 ? 'Not saved yet' : changes(found.length);
    names.textContent = [...new Set(found.map((control) => control.labels?.[0]?.textContent?.trim() ?? ''))].filter(Boolean).join(', ');
  };
  form.addEventListener('input', update);
  form.addEventListener('change', update);
  form.addEventListener('reset', () => setTimeout(update));
  form.addEventListener('submit', () => (leaving = true));
  part('save')?.addEventListener('click', () => form.requestSubmit());
  part('discard')?.addEventListener('click', () => (refused ? location.assign(location.pathname) : form.reset()));
  addEventListener('keydown', (event) => {
    if (event.key.toLowerCase() !== 's' || !(event.ctrlKey || event.metaKey) || event.altKey || bar.hidden) return;
    event.preventDefault();
    form.requestSubmit();
  });
  addEventListener('beforeunload', (event) => {
    if (!leaving && changed().length > 0) event.preventDefault();
  });
  addEventListener('pageshow', () => {
    leaving = false;
    update();
  });
  update();
}
