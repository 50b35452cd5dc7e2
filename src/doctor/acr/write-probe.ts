import { RegistryError } from '../../copy/error.ts';
import type { Destination } from '../../copy/repository.ts';
import { digestOf } from '../../oci/digest.ts';
import { ociManifest } from '../../oci/media-type.ts';
import { needed } from '../check.ts';
import type { Check } from '../check.ts';
import { error, ok, skipped, warn } from '../finding.ts';
import type { Finding } from '../finding.ts';
import type { RegistryEvidence } from '../registry/evidence.ts';
import { firstPart } from '../../oci/reference.ts';

/** A repository of its own, in a namespace that is written to anyway. */
const scratch = 'tagferry-write-probe';

/**
 * Whether the instance takes a manifest with the OCI empty config, as attestations have it: by pushing one, by its digest and
 * without a tag. It writes, so it is made only when somebody has asked for it.
 */
export function writeProbe(open: (repository: string) => Destination): Check<RegistryEvidence> {
  return {
    id: 'artifacts',
    number: 16,
    async look(evidence, signal) {
      await needed('credential', evidence.login());
      const [namespace] = (await evidence.planned()).map(firstPart);
      if (namespace === undefined) return [skipped('nothing-planned', 'no rule is known to write here')];
      const repository = `${namespace}/${scratch}`;
      try {
        const digest = await push(open(repository), signal);
        return [
          ok(`took ${repository}@${digest}, which has the OCI empty config and no tag; it can be deleted`),
        ];
      } catch (reason) {
        if (!(reason instanceof RegistryError)) throw reason;
        return [refused(repository, reason)];
      }
    },
  };
}

async function push(there: Destination, signal: AbortSignal): Promise<string> {
  const config = described('application/vnd.oci.empty.v1+json', '{}');
  await there.writeBlob(config.descriptor, async (_, from) => oneChunk(config.bytes.subarray(from)), {
    signal,
  });
  const document = {
    schemaVersion: 2,
    mediaType: ociManifest,
    artifactType: 'application/vnd.tagferry.probe.v1',
    config: config.descriptor,
    layers: [config.descriptor],
  };
  const { descriptor, bytes } = described(ociManifest, JSON.stringify(document));
  await there.putManifest(descriptor.digest, descriptor, bytes, signal);
  return descriptor.digest;
}

function described(mediaType: string, text: string) {
  const bytes = Buffer.from(text);
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function refused(repository: string, { fault, message: saw }: RegistryError): Finding {
  if (fault !== 'artifact-refused') {
    return error(fault, {
      saw,
      means: `nothing could be pushed to ${repository}, so it is not known what the instance takes`,
      next: ['see the check push-permission'],
    });
  }
  return warn('empty-config-refused', {
    saw,
    means:
      'the instance takes images only: images with attestations of BuildKit 0.32 or later, and other artifacts with an empty config, are not copied (artifact-refused)',
    next: [
      'build without attestations: docker buildx build --provenance=false --sbom=false',
      'or leave them out by `tags` of the rule',
    ],
  });
}
