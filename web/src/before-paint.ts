// What changes words that are in the page already. It runs before the first paint (`blocking="render"`), so that nothing
// moves; alone in its file, so that the paint waits for a few hundred bytes.
import { moments } from './lib/when.ts';

moments();
for (const element of document.querySelectorAll<HTMLElement>('[data-without-script]')) element.hidden = true;
