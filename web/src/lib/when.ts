const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** A moment as people near it say it: "3 minutes ago", "today, 14:02", "yesterday, 14:02", then the day. */
export function when(at: Date, now: Date, language: string, zone?: string): string {
  const options = zone ? { timeZone: zone } : {};
  const day = (date: Date): string => date.toLocaleDateString('sv', options);
  const clock = at.toLocaleTimeString(language, { hour: '2-digit', minute: '2-digit', ...options });
  const ago = now.getTime() - at.getTime();
  if (ago >= 0 && ago < MINUTE) return 'just now';
  if (ago >= 0 && ago < 60 * MINUTE) {
    const minutes = Math.floor(ago / MINUTE);
    return minutes === 1 ? '1 minute ago' : `${minutes} minutes ago`;
  }
  if (day(at) === day(now)) return `today, ${clock}`;
  if (day(at) === day(new Date(now.getTime() - DAY))) return `yesterday, ${clock}`;
  const year: { year?: 'numeric' } = day(at).slice(0, 4) === day(now).slice(0, 4) ? {} : { year: 'numeric' };
  return at.toLocaleDateString(language, { day: 'numeric', month: 'short', ...year, ...options });
}

/** Writes every `data-when` in the person's own time; the exact moment stays as the tooltip. */
export function moments(): void {
  const now = new Date();
  for (const time of document.querySelectorAll<HTMLTimeElement>('time[data-when]')) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.textContent = when(at, now, 'en-GB');
    time.title = at.toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'long' });
  }
}
