/** The parts of an OpenAPI 3 document that the browser reads. */
export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: { type?: string; enum?: unknown[]; format?: string };
}
export interface Operation {
  method: string;
  path: string;
  id: string;
  summary: string;
  parameters: Parameter[];
  body: Member[];
}
export interface Member {
  name: string;
  type: string;
  required: boolean;
  description: string;
}
export interface Group {
  tag: string;
  operations: Operation[];
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Follows one local `$ref` ("#/components/…"); anything else stays as it is. */
function resolve(root: Record<string, unknown>, value: unknown): unknown {
  if (!isObject(value) || typeof value['$ref'] !== 'string' || !value['$ref'].startsWith('#/')) return value;
  let at: unknown = root;
  for (const step of value['$ref'].slice(2).split('/')) {
    at = isObject(at) ? at[step.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined;
  }
  return at;
}

function parameters(root: Record<string, unknown>, ...lists: unknown[]): Parameter[] {
  const found: Parameter[] = [];
  for (const list of lists) {
    if (!Array.isArray(list)) continue;
    for (const item of list) {
      const value = resolve(root, item);
      if (isObject(value) && typeof value['name'] === 'string') found.push(value as unknown as Parameter);
    }
  }
  return found;
}

/** The members of the JSON that an operation takes, those that it needs first. */
function members(root: Record<string, unknown>, body: unknown): Member[] {
  const content = isObject(body) ? body['content'] : undefined;
  const json = isObject(content) ? content['application/json'] : undefined;
  const schema = resolve(root, isObject(json) ? json['schema'] : undefined);
  if (!isObject(schema) || !isObject(schema['properties'])) return [];
  const needed = Array.isArray(schema['required']) ? (schema['required'] as unknown[]) : [];
  return Object.entries(schema['properties'])
    .map(([name, given]) => {
      const value = resolve(root, given);
      const from = isObject(value) ? value : {};
      const choices = Array.isArray(from['enum']) ? from['enum'].join(', ') : '';
      return { name, type: choices || text(from['type']) || 'any', required: needed.includes(name), description: text(from['description']) };
    })
    .sort((a, b) => Number(b.required) - Number(a.required));
}

/** The same call for a shell. */
export function curl(operation: Operation, prefix: string): string {
  const parts = ['curl'];
  if (operation.method !== 'get') parts.push('-X', operation.method.toUpperCase());
  parts.push(`'${prefix}${operation.path}'`, '-H "Authorization: Bearer $TOKEN"');
  if (operation.body.length > 0) {
    const sample = operation.body.filter((one) => one.required).map((one) => `"${one.name}": ${one.type === 'string' ? '"…"' : '…'}`);
    parts.push("-H 'Content-Type: application/json'", `-d '{${sample.join(', ')}}'`);
  }
  return parts.join(' ');
}

/** All operations of a document, grouped by their first tag; tags and paths in alphabetical order. */
export function groups(document: unknown): Group[] {
  if (!isObject(document) || !isObject(document['paths'])) return [];
  const byTag = new Map<string, Operation[]>();
  for (const [path, item] of Object.entries(document['paths'])) {
    if (!isObject(item)) continue;
    for (const method of METHODS) {
      const operation = item[method];
      if (!isObject(operation)) continue;
      const tags = operation['tags'];
      const tag = Array.isArray(tags) && typeof tags[0] === 'string' ? tags[0] : 'other';
      const list = byTag.get(tag) ?? [];
      list.push({
        method,
        path,
        id: text(operation['operationId']),
        summary: text(operation['summary']) || text(operation['description']),
        parameters: parameters(document, item['parameters'], operation['parameters']),
        body: members(document, operation['requestBody']),
      });
      byTag.set(tag, list);
    }
  }
  return [...byTag]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([tag, operations]) => ({ tag, operations: operations.sort((a, b) => a.path.localeCompare(b.path)) }));
}

/** The address of a call: path parameters filled in, the rest as a query. Undefined when a path parameter is missing. */
export function address(operation: Operation, values: Record<string, string>): string | undefined {
  let path = operation.path;
  const query = new URLSearchParams();
  for (const { name, in: place } of operation.parameters) {
    const value = values[name] ?? '';
    if (place === 'path') {
      if (!value || value === '.' || value === '..') return undefined;
      path = path.replaceAll(`{${name}}`, encodeURIComponent(value));
    } else if (place === 'query' && value) query.append(name, value);
  }
  const search = query.toString();
  return search ? `${path}?${search}` : path;
}

/** The path prefix of the first server entry, when it is a path of this host. */
export function basePath(document: unknown): string {
  if (!isObject(document) || !Array.isArray(document['servers'])) return '';
  const [first] = document['servers'] as unknown[];
  const url = isObject(first) ? text(first['url']) : '';
  return url.startsWith('/') && !url.startsWith('//') ? url.replace(/\/+$/, '') : '';
}
