import { all } from './dom.ts';

export type Theme = 'light' | 'dark' | 'automatic';

/** Name of the cookie that carries the person's choice to the server, so that no page flashes. */
export const COOKIE = 'signet_theme';
const YEAR = 31_536_000;

/** The choice in a `document.cookie` string; anything unknown is no choice. */
export function readTheme(cookies: string): Theme | undefined {
  for (const part of cookies.split(';')) {
    const [name, value] = part.trim().split('=');
    if (name === COOKIE && (value === 'light' || value === 'dark' || value === 'automatic')) return value;
  }
  return undefined;
}

function apply(theme: Theme): void {
  if (theme === 'automatic') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

/** Applies the kept choice and lets the buttons `data-theme-choice` change it. */
export function theme(): void {
  const kept = readTheme(document.cookie);
  if (kept) apply(kept);
  const buttons = all<HTMLButtonElement>('[data-theme-choice]');
  const press = (now: string): void => {
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset['themeChoice'] === now));
  };
  press(kept ?? document.documentElement.dataset['theme'] ?? 'automatic');
  for (const button of buttons) {
    button.addEventListener('click', (event) => {
      // On the settings page the buttons post a form where there is no script.
      event.preventDefault();
      const chosen = button.dataset['themeChoice'] as Theme;
      const secure = location.protocol === 'https:' ? '; Secure' : '';
      document.cookie = `${COOKIE}=${chosen}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
      apply(chosen);
      press(chosen);
    });
  }
  for (const group of all<HTMLElement>('[data-theme-group]')) group.hidden = false;
}
