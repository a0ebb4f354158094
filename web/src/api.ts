// The API browser: lists the operations of the OpenAPI document and sends GET requests with the session of this browser.
import { make } from './lib/dom.ts';
import { menu } from './lib/menu.ts';
import { address, basePath, curl, groups, type Group, type Operation } from './lib/openapi.ts';
import { matches } from './lib/search.ts';
import { theme } from './lib/theme.ts';

const LONGEST_ANSWER = 200_000;
let next = 0;

function field(name: string, place: string, required: boolean, help: string): HTMLElement {
  const id = `p${(next += 1)}`;
  const box = make('div', 'field');
  const label = make('label', 'label', name, { for: id });
  if (!required) label.append(make('span', 'opt', ' optional'));
  const input = make('input', 'input input--mono', '', { id, name, autocomplete: 'off', spellcheck: 'false', 'data-place': place });
  input.required = required;
  box.append(label, input);
  if (help) {
    box.append(make('p', 'help', help, { id: `${id}-help` }));
    input.setAttribute('aria-describedby', `${id}-help`);
  }
  return box;
}

function tryGet(operation: Operation, prefix: string): HTMLElement {
  const form = make('form', 'stack');
  const inputs = make('div', 'op__form');
  for (const { name, in: place, required, description } of operation.parameters) {
    if (place === 'path' || place === 'query') inputs.append(field(name, place, required ?? place === 'path', description ?? ''));
  }
  const send = make('button', 'btn', 'Send request', { type: 'submit' });
  const status = make('p', 'small muted', '', { role: 'status' });
  const answer = make('pre', 'answer', '', { tabindex: '0', 'aria-label': 'Answer' });
  answer.hidden = true;
  const foot = make('div', 'row row--wrap');
  foot.append(send, status);
  form.append(inputs, foot, answer);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const values: Record<string, string> = {};
    for (const input of form.querySelectorAll('input')) values[input.name] = input.value;
    const target = address(operation, values);
    if (!target) {
      status.textContent = 'Fill in every part of the address first.';
      return;
    }
    const started = performance.now();
    status.textContent = 'Sending…';
    try {
      const response = await fetch(prefix + target, { headers: { Accept: 'application/json' }, credentials: 'same-origin' });
      const body = await response.text();
      status.textContent = `${response.status} ${response.statusText}, ${Math.round(performance.now() - started)} ms`;
      answer.textContent = pretty(body);
      answer.hidden = false;
    } catch {
      status.textContent = 'No answer. Check your connection and try again.';
    }
  });
  return form;
}

function pretty(body: string): string {
  let text = body;
  try {
    text = JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    // Not JSON: shown as it came.
  }
  return text.length > LONGEST_ANSWER ? `${text.slice(0, LONGEST_ANSWER)}\n… (${text.length} characters in all)` : text;
}

function details(operation: Operation, prefix: string): HTMLElement {
  const body = make('div', 'op__body');
  if (operation.id) {
    const line = make('p', 'small muted', 'Operation ');
    line.append(make('code', '', operation.id));
    body.append(line);
  }
  if (operation.method === 'get') body.append(tryGet(operation, prefix));
  else if (operation.parameters.length > 0) {
    const list = make('ul', 'stack-2 small');
    for (const { name, in: place, description } of operation.parameters) {
      const item = make('li');
      item.append(make('code', '', name), ` in ${place}${description ? `: ${description}` : ''}`);
      list.append(item);
    }
    body.append(list);
  }
  if (operation.body.length > 0) body.append(members(operation));
  body.append(make('pre', 'answer', curl(operation, location.origin + prefix), { tabindex: '0', 'aria-label': 'Command' }));
  return body;
}

function members(operation: Operation): HTMLElement {
  const table = make('table');
  const head = make('tr');
  head.append(...['Member', 'Type', 'Meaning'].map((word) => make('th', '', word, { scope: 'col' })));
  table.append(make('caption', 'vh', 'Members of the JSON that is sent'), head);
  for (const { name, type, required, description } of operation.body) {
    const line = make('tr');
    const cell = make('td');
    cell.append(make('code', '', name), ...(required ? [make('span', 'muted', ' required')] : []));
    line.append(cell, make('td', '', type), make('td', '', description));
    table.append(line);
  }
  return table;
}

function row(operation: Operation, prefix: string): HTMLElement {
  const item = make('details', 'op');
  const head = make('summary');
  head.append(make('span', `verb verb--${operation.method}`, operation.method.toUpperCase()), make('code', '', operation.path));
  if (operation.summary) head.append(make('span', 'what', operation.summary));
  item.append(head);
  // A document has hundreds of operations: their forms are made when somebody looks.
  item.addEventListener('toggle', () => {
    if (item.open && item.childElementCount === 1) item.append(details(operation, prefix));
  });
  return item;
}

function list(all: Group[], prefix: string, into: HTMLElement, query: string): number {
  let found = 0;
  const panels: HTMLElement[] = [];
  for (const { tag, operations } of all) {
    const shown = operations.filter((one) => matches(query, `${tag} ${one.method} ${one.path} ${one.id} ${one.summary}`));
    if (shown.length === 0) continue;
    found += shown.length;
    const panel = make('details', 'panel tag-group');
    panel.open = query !== '';
    const head = make('summary', '', tag);
    head.append(make('span', 'count', String(shown.length)));
    panel.append(head, ...shown.map((one) => row(one, prefix)));
    panels.push(panel);
  }
  into.replaceChildren(...panels);
  return found;
}

async function start(): Promise<void> {
  const root = document.querySelector<HTMLElement>('[data-schema]');
  const input = document.querySelector<HTMLInputElement>('input[data-api-search]');
  const status = document.querySelector<HTMLElement>('[data-api-status]');
  if (!root || !input || !status) return;
  try {
    const response = await fetch(root.dataset['schema'] ?? '', { headers: { Accept: 'application/json' }, credentials: 'same-origin' });
    if (!response.ok) throw new Error(String(response.status));
    const schema: unknown = await response.json();
    const found = groups(schema);
    const prefix = basePath(schema);
    const show = (): void => {
      const count = list(found, prefix, root, input.value.trim());
      status.textContent = count === 0 ? `Nothing matches “${input.value}”.` : `${count} operations`;
    };
    input.addEventListener('input', show);
    show();
  } catch {
    status.textContent = 'The API description did not load. Reload the page to try again.';
  }
}

theme();
menu();
void start();
