import { password } from './login.ts';

interface Pushed {
  repository: string;
  tag: string;
  digest: string;
}

/** Sends what Harbor sends after a push, in its Default format. Returns the answer, or why there is none. */
export async function pushWebhook(mirror: string, { repository, tag, digest }: Pushed): Promise<string> {
  const [namespace = '', ...rest] = repository.split('/');
  const body = {
    type: 'PUSH_ARTIFACT',
    occur_at: Math.floor(Date.now() / 1000),
    operator: 'robot$demo',
    event_data: {
      resources: [{ digest, tag, resource_url: `harbor.example.com/${repository}:${tag}` }],
      repository: { name: rest.join('/'), namespace, repo_full_name: repository, repo_type: 'private' },
    },
  };
  const headers = { 'content-type': 'application/json', authorization: password };
  try {
    const answer = await fetch(`${mirror}/webhooks/harbor`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    return `${answer.status} ${await answer.text()}`;
  } catch (error) {
    return `no answer: ${String(error)}`;
  }
}
