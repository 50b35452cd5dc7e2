import type { RepositoryState } from '../../aliyun/namespaces.ts';
import { ofInstance } from './evidence.ts';
import type { AcrEvidence } from './evidence.ts';

export interface Planned {
  name: string;
  state: RepositoryState | 'no-namespace' | undefined;
}

/** The planned repositories of a namespace as they are at the destination, the first ones; `of`: how many there are. */
export async function plannedIn(
  evidence: AcrEvidence,
  namespace: string,
): Promise<{ looked: readonly Planned[]; of: number }> {
  const all = await evidence.planned();
  const within = all.filter((name) => name.startsWith(`${namespace}/`));
  const namespaces = (await evidence.namespaces()).length;
  const share = Math.max(1, Math.floor(evidence.most / Math.max(1, namespaces)));
  const looks = within.slice(0, share).map(async (name) => {
    return { name, state: await ofInstance(evidence, (openApi) => openApi.repository(name)) };
  });
  return { looked: await Promise.all(looks), of: within.length };
}
