import { describe, expect, it } from 'vitest';
import { digits } from './code.ts';
import { address, basePath, groups } from './openapi.ts';
import { fold, matches } from './search.ts';
import { readTheme } from './theme.ts';

describe('digits', () => {
  it('accepts spaces and dashes and keeps the length', () => {
    expect(digits('482 913', 6)).toBe('482913');
    expect(digits('482-913-77', 6)).toBe('482913');
    expect(digits('code: 12', 6)).toBe('12');
  });
});

describe('search', () => {
  it('ignores case and accents and needs every word', () => {
    expect(fold('Café')).toBe('cafe');
    expect(matches('cafe tra', 'Café, travel')).toBe(true);
    expect(matches('cafe x', 'Café, travel')).toBe(false);
    expect(matches('  ', 'anything')).toBe(true);
  });
});

describe('theme cookie', () => {
  it('reads only known values of its own cookie', () => {
    expect(readTheme('a=1; signet_theme=dark')).toBe('dark');
    expect(readTheme('signet_theme=evil')).toBeUndefined();
    expect(readTheme('x_signet_theme=dark')).toBeUndefined();
  });
});

describe('API document', () => {
  const schema = {
    servers: [{ url: '/api/v3/' }],
    paths: {
      '/core/users/{id}/': {
        parameters: [{ $ref: '#/components/parameters/id' }],
        get: { tags: ['core'], operationId: 'core_users_retrieve', parameters: [{ name: 'q', in: 'query' }] },
        delete: { tags: ['core'], operationId: 'core_users_destroy' },
      },
      '/admin/version/': { get: { operationId: 'v' } },
      '/broken/': null,
    },
    components: { parameters: { id: { name: 'id', in: 'path', required: true } } },
  };
  it('groups by tag and resolves references', () => {
    const found = groups(schema);
    expect(found.map((group) => [group.tag, group.operations.length])).toEqual([['core', 2], ['other', 1]]);
    expect(found[0]?.operations[0]?.parameters.map((one) => one.name)).toEqual(['id', 'q']);
    expect(groups(null)).toEqual([]);
    expect(groups({ paths: [] })).toEqual([]);
  });
  it('builds addresses and refuses to leave the path', () => {
    const get = groups(schema)[0]?.operations.find((one) => one.method === 'get');
    if (!get) throw new Error('missing');
    expect(address(get, { id: 'a/b', q: 'x y' })).toBe('/core/users/a%2Fb/?q=x+y');
    expect(address(get, {})).toBeUndefined();
    expect(address(get, { id: '..' })).toBeUndefined();
  });
  it('stays on this host', () => {
    expect(basePath(schema)).toBe('/api/v3');
    expect(basePath({ servers: [{ url: '//elsewhere' }] })).toBe('');
    expect(basePath({ servers: [{ url: 'https://elsewhere' }] })).toBe('');
  });
});
