import assert from 'node:assert/strict';
import { test } from 'node:test';
import { covers, formatScope, parseScopes } from '../../src/oci/scope.ts';

const both = formatScope({ repository: 'a/b', actions: ['pull', 'push'] });

test('a scope as a token server reads it', () => {
  assert.equal(both, 'repository:a/b:pull,push');
});

test('scopes of a challenge, whatever their names contain', () => {
  assert.deepEqual(parseScopes(' repository:host:5000/a/b:pull,push  registry:catalog:* '), [
    { type: 'repository', name: 'host:5000/a/b', actions: ['pull', 'push'] },
    { type: 'registry', name: 'catalog', actions: ['*'] },
  ]);
  assert.deepEqual(parseScopes('x repository:a :b:pull'), []);
  assert.deepEqual(parseScopes('repository:a:'), [{ type: 'repository', name: 'a', actions: [] }]);
});

test('what was asked covers a challenge in any order, and not more than was asked', () => {
  const asked = [both, 'repository:c:pull'];
  const covered = [
    '',
    'repository:a/b:pull',
    'repository:a/b:push,pull',
    'repository:c:pull repository:a/b:push',
  ];
  for (const text of covered) assert.equal(covers(asked, text), true, text);
  const more = ['repository:c:push', 'repository:a/b:pull,delete', 'repository:a:pull', 'registry:catalog:*'];
  for (const text of more) assert.equal(covers(asked, text), false, text);
  assert.equal(covers([], 'repository:a/b:pull'), false);
});

test('actions of one repository may be asked in two scopes', () => {
  assert.equal(covers(['repository:a:pull', 'repository:a:push'], 'repository:a:pull,push'), true);
});
