import { companionOf } from '../../src/oci/companion.ts';

/*
 * What a Harbor holds, as far as its REST API shows it, and what comes of pushes, tags and copies in it: rows of the
 * audit log, and deliveries of the webhook policies with the bodies that Harbor would send.
 */

export interface StandProject {
  id: number;
  name: string;
  public: boolean;
  proxyCache: boolean;
  createdAt: string;
}

export interface StandArtifact {
  id: number;
  project: StandProject;
  repository: string;
  repositoryId: number;
  digest: string;
  pushedAt: string;
  tags: { id: number; name: string; pushedAt: string }[];
  /** Digests of the manifests that an index names; not shown themselves while they have no tag. */
  children: readonly string[];
  /** Makes it an accessory, which is shown in no list. */
  subject: string | undefined;
  accessoryType: 'signature.cosign' | 'subject.accessory';
  configType?: string;
  attestation?: string;
}

export interface StandPolicy {
  id: number;
  project: StandProject;
  name: string;
  description: string;
  enabled: boolean;
  events: string[];
  targets: Record<string, unknown>[];
  createdAt: string;
  /** Of a policy that was replaced. */
  updatedAt?: string;
}

export interface StandExecution {
  id: number;
  policy: StandPolicy;
  status: string;
  payload: string;
  startedAt: string;
  /** Harbor's own error of the last attempt. */
  why?: string;
}

export interface StandAudit {
  id: number;
  project: StandProject;
  at: string;
  operation: 'create' | 'delete' | 'pull';
  type: 'artifact' | 'tag' | 'repository';
  resource: string;
  description: string;
}

export interface Pushed {
  children?: readonly string[];
  /** Of its config, where it is no image. */
  configType?: string;
  /** A further member of an index, which describes another. */
  attestation?: string;
  subject?: string;
  /** How the executions of this push ended, in Harbor's eyes. */
  status?: 'Success' | 'Error' | 'Running';
  /** A core that crashed in time told nobody. */
  silent?: boolean;
}

export class HarborContent {
  readonly projects = new Map<string, StandProject>();
  readonly repositories = new Map<
    string,
    { id: number; name: string; project: StandProject; createdAt: string }
  >();
  /** By `repository@digest`, in the order of their ids. */
  readonly artifacts = new Map<string, StandArtifact>();
  readonly policies: StandPolicy[] = [];
  readonly executions: StandExecution[] = [];
  readonly audit: StandAudit[] = [];
  readonly #now: () => number;
  readonly #ids = new Map<string, number>();
  /** By `repository:tag`. */
  readonly #tagged = new Map<string, StandArtifact>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The next id of a kind, or one that is skipped to; as Harbor's sequences, ids of projects have nothing in common. */
  skipTo(kind: 'artifact' | 'execution' | 'audit' | 'policy' | 'project', id: number): void {
    this.#ids.set(kind, id - 1);
  }

  project(name: string, options: { public?: boolean; proxyCache?: boolean } = {}): StandProject {
    const known = this.projects.get(name);
    if (known) return known;
    const { public: open = false, proxyCache = false } = options;
    const project = { id: this.#id('project'), name, public: open, proxyCache, createdAt: this.#time() };
    this.projects.set(name, project);
    return project;
  }

  /** The secret in its address and header is there to be leaked. */
  policy(project: string, name: string, target: Record<string, unknown> = {}): StandPolicy {
    const policy: StandPolicy = {
      id: this.#id('policy'),
      project: this.project(project),
      name,
      description: '',
      enabled: true,
      events: ['PUSH_ARTIFACT'],
      targets: [
        {
          address: `http://tagferry:s3cret@127.0.0.1:8080/webhooks/harbor?key=s3cret`,
          auth_header: 'Bearer s3cret',
          payload_format: 'Default',
          type: 'http',
          ...target,
        },
      ],
      createdAt: this.#time(),
    };
    this.policies.push(policy);
    return policy;
  }

  /** As a delivery of an event ended; `why`, if its last attempt failed. */
  delivery(policy: StandPolicy, why?: string, payload = '{}'): StandExecution {
    const [id, startedAt] = [this.#id('execution'), this.#time()];
    const ended = why === undefined ? { status: 'Success' } : { status: 'Error', why };
    const execution: StandExecution = { id, policy, payload, startedAt, ...ended };
    this.executions.push(execution);
    return execution;
  }

  /**
   * As a client pushes a manifest; without a tag, by digest. Fits an embedded registry's `onTag`. What comes under the
   * tag of a cosign signature of an image that is there is taken for one.
   */
  push(repository: string, tag: string | undefined, digest: string, pushed: Pushed = {}): StandArtifact {
    const signed = tag?.endsWith('.sig') ? companionOf(tag) : undefined;
    const isSignature = signed !== undefined && this.#find(repository, signed) !== undefined;
    const artifact = this.#ensure(repository, digest, isSignature ? { subject: signed, ...pushed } : pushed);
    if (isSignature) artifact.accessoryType = 'signature.cosign';
    if (tag !== undefined) this.#move(artifact, tag);
    if (!pushed.silent) this.#announce(artifact, tag, pushed.status ?? 'Success');
    return artifact;
  }

  /** As the UI or the API makes a tag: in the audit log, but announced to nobody. */
  tag(repository: string, tag: string, digest: string): void {
    const artifact = this.#ensure(repository, digest, {});
    this.#move(artifact, tag);
    this.#record(artifact, 'tag', `${repository}:${tag}`, `create tag: ${repository}:${tag}`);
  }

  /** As the UI or the API copies an artifact: every tag comes along at the same time, and the last pushed one is all that is told. */
  copy(from: string, digest: string, into: string): void {
    const source = this.#find(from, digest);
    const artifact = this.#ensure(into, digest, { children: source?.children ?? [] });
    const at = this.#time();
    for (const { name } of source?.tags ?? []) this.#move(artifact, name, at);
    this.#announce(artifact, artifact.tags.at(-1)?.name, 'Success');
  }

  remove(repository: string, digest: string): void {
    for (const { name } of this.#find(repository, digest)?.tags ?? []) this.untag(repository, name);
    this.artifacts.delete(`${repository}@${digest}`);
  }

  untag(repository: string, tag: string): void {
    const artifact = this.#tagged.get(`${repository}:${tag}`);
    if (artifact) artifact.tags = artifact.tags.filter(({ name }) => name !== tag);
    this.#tagged.delete(`${repository}:${tag}`);
  }

  #ensure(repository: string, digest: string, pushed: Pushed): StandArtifact {
    const { children = [], subject, configType, attestation } = pushed;
    const known = this.#find(repository, digest);
    if (known) return known;
    const project = this.project(repository.split('/', 1)[0] ?? '');
    const place = this.repositories.get(repository) ?? {
      id: this.#id('repository'),
      name: repository,
      project,
      createdAt: this.#time(),
    };
    this.repositories.set(repository, place);
    const artifact: StandArtifact = {
      id: this.#id('artifact'),
      project,
      repository,
      repositoryId: place.id,
      digest,
      pushedAt: this.#time(),
      tags: [],
      children,
      subject,
      accessoryType: 'subject.accessory',
      ...(configType !== undefined && { configType }),
      ...(attestation !== undefined && { attestation }),
    };
    this.artifacts.set(`${repository}@${digest}`, artifact);
    return artifact;
  }

  #find(repository: string, digest: string): StandArtifact | undefined {
    return this.artifacts.get(`${repository}@${digest}`);
  }

  /** A tag that is pushed again as it is keeps its time. */
  #move(artifact: StandArtifact, name: string, pushedAt = this.#time()): void {
    const key = `${artifact.repository}:${name}`;
    if (this.#tagged.get(key) === artifact) return;
    this.untag(artifact.repository, name);
    this.#tagged.set(key, artifact);
    artifact.tags.push({ id: this.#id('tag'), name, pushedAt });
  }

  #announce(artifact: StandArtifact, tag: string | undefined, status: string): void {
    const { repository, digest, project } = artifact;
    const reference = tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`;
    this.#record(artifact, 'artifact', reference, `push artifact: ${repository}@${digest}`);
    const payload = JSON.stringify(this.#payload(artifact, tag ?? digest, reference));
    for (const policy of this.policies.filter((one) => one.project === project && one.enabled)) {
      const id = this.#id('execution');
      this.executions.push({ id, policy, status, payload, startedAt: this.#time() });
    }
  }

  #payload({ repository, digest, project }: StandArtifact, tag: string, reference: string): object {
    const seconds = Math.floor(this.#now() / 1000);
    return {
      type: 'PUSH_ARTIFACT',
      occur_at: seconds,
      operator: 'robot$developer',
      event_data: {
        resources: [{ digest, tag, resource_url: `harbor.example.com/${reference}` }],
        repository: {
          date_created: seconds,
          name: repository.slice(repository.indexOf('/') + 1),
          namespace: project.name,
          repo_full_name: repository,
          repo_type: project.public ? 'public' : 'private',
        },
      },
    };
  }

  #record({ project }: StandArtifact, type: StandAudit['type'], resource: string, description: string): void {
    const row = { project, type, resource, description, operation: 'create' as const };
    this.audit.push({ id: this.#id('audit'), at: this.#time(), ...row });
  }

  #id(kind: string): number {
    const id = (this.#ids.get(kind) ?? 0) + 1;
    this.#ids.set(kind, id);
    return id;
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }
}
