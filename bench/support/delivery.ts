/** What Harbor sends for a push, in its Default format: the members and the size of a real one. */
export function pushPayload(repository: string, tag: string, digest: string): string {
  const seconds = Math.floor(Date.now() / 1000);
  const [namespace = '', name = ''] = repository.split('/');
  return JSON.stringify({
    type: 'PUSH_ARTIFACT',
    occur_at: seconds,
    operator: 'robot$team+ci',
    event_data: {
      resources: [{ digest, tag, resource_url: `harbor.example.com/${repository}:${tag}` }],
      repository: {
        date_created: seconds,
        name,
        namespace,
        repo_full_name: repository,
        repo_type: 'private',
      },
    },
  });
}
