import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, load, mistakes, smallest } from './document.ts';

const secret = 'hunter2-hunter2';

function withRegistry(keys: object): object {
  return {
    ...smallest,
    registries: { ...smallest.registries, harbor: { url: 'https://harbor.test', ...keys } },
  };
}

test('only ${NAME} is replaced, anywhere in a text; every other $ stays', () => {
  const document = withRegistry({ username: 'robot$mirror', password: 'a${PART}-$PART-${1}-${no-name}-$$' });
  const config = load(document, { PART: '${OTHER}' });
  assert.deepEqual(config.registries[0]?.credential, {
    username: 'robot$mirror',
    password: 'a${OTHER}-$PART-${1}-${no-name}-$$',
  });
});

test('a value from the environment is a text, whatever it looks like as YAML', () => {
  const text = `
registries: { harbor: { url: 'https://harbor.test', username: u, password: \${P} }, acr: { url: 'https://acr.test' } }
rules: [{ name: all, source: harbor, repositories: [\${R}], destination: acr }]
webhook: { allowUnauthenticated: true }
`;
  const config = load(text, { P: '"]}: # *x\n- y', R: '12' });
  assert.deepEqual(config.registries[0]?.credential, { username: 'u', password: '"]}: # *x\n- y' });
  assert.deepEqual(config.rules[0]?.repositories, ['12']);
});

test('a variable that is not set is named with its place', () => {
  assert.deepEqual(mistakes(withRegistry({ username: 'u', password: '${NOT_SET}' })), [
    '5 registries.harbor.password: expected the environment variable NOT_SET to be set, got an unset one',
  ]);
});

test('no mistake shows a secret, nor anything from the environment', () => {
  const documents = [
    withRegistry({ username: 'u', password: [secret] }),
    withRegistry({ username: 'u', password: 1234567 }),
    withRegistry({ username: 'u', pasword: secret }),
    withRegistry({ url: `https://u:${secret}@harbor.test/` }),
    withRegistry({ url: `https://harbor.test/?sig=${secret}` }),
    withRegistry({ url: '${SECRET}' }),
    { ...smallest, webhook: secret },
    { ...smallest, webhook: { secrets: [` ${secret}`] } },
    { ...smallest, webhook: { secrets: secret } },
    { ...smallest, admin: { tokens: [`${secret} x`] } },
    { ...smallest, admin: { tokens: { token: secret } } },
    { ...smallest, log: { level: '${SECRET}' } },
    { ...smallest, rules: [{ ...smallest.rules[0], repositories: ['[${SECRET}'] }] },
    { ...smallest, rules: [{ ...smallest.rules[0], repositories: ['UP/${SECRET}'] }] },
    { ...smallest, rules: [{ ...smallest.rules[0], repository: '{${SECRET}' }] },
    { ...smallest, rules: [{ ...smallest.rules[0], source: '${SECRET}' }] },
  ];
  for (const document of documents) {
    const { message } = failure(document, { SECRET: secret });
    assert.doesNotMatch(message, /hunter2|1234567/, message);
  }
});

test('the log is told every secret, also as it looks in a header', () => {
  const config = load({
    ...withRegistry({ username: 'u', password: 'registry-secret' }),
    webhook: { secrets: ['hook-secret'] },
    admin: { tokens: ['admin-token'] },
  });
  const header = Buffer.from('u:registry-secret').toString('base64');
  assert.deepEqual(
    config.secrets.toSorted(),
    ['admin-token', header, 'hook-secret', 'registry-secret'].toSorted(),
  );
});
