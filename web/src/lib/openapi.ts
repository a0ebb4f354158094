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
