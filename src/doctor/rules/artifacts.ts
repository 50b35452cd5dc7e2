import { RegistryError } from '../../copy/error.ts';
import type { ListedArtifact } from '../../task/listing.ts';
import type { Check } from '../check.ts';
import { ok, skipped, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import type { RulesEvidence } from './evidence.ts';
import { sourcesOf } from './evidence.ts';

/** Whether the sources have what an ACR may refuse: attestations, and artifacts that are no images. */
export const artifacts: Check<RulesEvidence> = {
  id: 'artifacts',
  number: 16,
  async look(evidence) {
    const acr = evidence.config.registries.filter(({ type }) => type === 'acr-ee').map(({ name }) => name);
    const toAcr = evidence.rules.sources().filter(({ destination }) => acr.includes(destination));
    if (toAcr.length === 0) return [ok('no rule copies to an ACR')];
    const sources = sourcesOf(evidence).filter((name) => toAcr.some(({ source }) => source === name));
    const looks = sources.map((source) => look(source, new Set(acr), evidence));
    return (await Promise.all(looks)).flat();
  },
};

async function look(
  source: string,
  acr: ReadonlySet<string>,
  evidence: RulesEvidence,
): Promise<readonly Finding[]> {
  try {
    const listed = await evidence.artifacts(source);
    if (listed === undefined) return [skipped('no-list', `${source} does not tell what its artifacts are`)];
    const copied = listed.artifacts.flatMap((one) => copiedOf(one, source, acr, evidence));
    return judge(source, copied, listed.more);
  } catch (reason) {
    if (!(reason instanceof RegistryError)) throw reason;
    return [skipped('no-list', `${source} does not tell what its artifacts are: ${reason.message}`)];
  }
}

/** An artifact that a rule copies to an ACR, by one of its tags. */
interface Copied {
  name: string;
  artifact: ListedArtifact;
}

function copiedOf(
  artifact: ListedArtifact,
  source: string,
  acr: ReadonlySet<string>,
  { rules }: RulesEvidence,
): Copied[] {
  const isCopied = ({ name }: ListedArtifact['tags'][number]): boolean =>
    rules
      .match(artifact.repository, name)
      .some((copy) => copy.source === source && acr.has(copy.destination) && !('reason' in copy));
  const tag = artifact.tags.find(isCopied);
  return tag === undefined ? [] : [{ name: `${source}/${artifact.repository}:${tag.name}`, artifact }];
}

function judge(source: string, copied: readonly Copied[], more: boolean): Finding[] {
  if (copied.length === 0)
    return [skipped('no-artifact', `${source} lists no artifact that a rule copies to an ACR`)];
  const of = `of ${more ? 'the first ' : ''}${copied.length} artifacts that are copied from ${source} to ACR`;
  const [attested, charts, others] = [
    copied.filter(({ artifact }) => artifact.attested),
    copied.filter(({ artifact }) => artifact.configType === chart),
    copied.filter(
      ({ artifact: { configType } }) => configType && !isImage(configType) && configType !== chart,
    ),
  ];
  const findings = [
    ...(attested.length > 0 ? [attestations(`${of}, ${some(attested)} carry attestations`)] : []),
    ...(others.length > 0 ? [noImages(`${of}, ${some(others)} are neither images nor charts`)] : []),
  ];
  if (findings.length > 0) return findings;
  return [ok(`${of}, none carries attestations, and all are images${charts.length > 0 ? ' or charts' : ''}`)];
}

const probe =
  'tagferry doctor --write-probe asks the registry itself: it pushes two bytes and a manifest to a repository of their own';
const whatHappens =
  'Tagferry copies an artifact whole, so that its digest stays the same; where the registry refuses it, nothing of the tag is copied, and its task says artifact-refused';

function attestations(saw: string): Finding {
  return warn('attestations', {
    saw,
    means: `the personal edition of ACR refuses them (an empty config is no image to it), and of EE it is not known. ${whatHappens}`,
    next: [
      probe,
      'build without them: docker buildx build --provenance=false --sbom=false',
      'or leave them out by `tags` of the rule',
    ],
  });
}

function noImages(saw: string): Finding {
  return warn('no-images', {
    saw,
    means: `ACR EE is said to host charts and other artifacts of OCI; which ones is not known. ${whatHappens}`,
    next: [probe, 'leave them out by `repositories` or `tags` of the rule'],
  });
}

/** How many, and which, the first three. */
function some(copied: readonly Copied[]): string {
  const names = copied.slice(0, 3).map(({ name }) => name);
  return `${copied.length} (${names.join(', ')}${copied.length > names.length ? ', …' : ''})`;
}

const chart = 'application/vnd.cncf.helm.config.v1+json';

/** Harbor tells the type of the config, and of an index or schema 1 the manifest's own. */
function isImage(configType: string): boolean {
  return /^application\/vnd\.(oci\.image\.(config|index)|docker\.(container\.image|distribution\.manifest))\b/.test(
    configType,
  );
}
